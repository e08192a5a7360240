package mdc

import (
	"net/url"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// SessionPolicy is the adoption policy, the same in every data center (OAM-19..27).
type SessionPolicy struct {
	RetrieveOnDemand      bool     `json:"retrieve_on_demand"`       // OAM-20
	RetrievalMaxAttempts  int      `json:"retrieval_max_attempts"`   // OAM-22
	RetrievalMaxWait      Duration `json:"retrieval_max_wait"`       // total, OAM-23, X2
	ContinueOnSyncFailure bool     `json:"continue_on_sync_failure"` // OAM-24, X1
	IdleTimeout           Duration `json:"idle_timeout"`             //
	Lifetime              Duration `json:"lifetime"`                 // absolute, from authentication
	MaxDegradedAge        Duration `json:"max_degraded_age"`         // how long a session made from a cookie lasts unconfirmed
	SignInURL             string   `json:"sign_in_url,omitempty"`    // "" = this data center's runtime address
}

// SessionPolicyKind describes the session policy singleton.
func SessionPolicyKind() Kind {
	return Kind{Name: "session_policy", Collection: "session-policy", Scope: Replicated, Singleton: true, Overridable: true,
		New: func() Object { return DefaultSessionPolicy() }}
}

// DefaultSessionPolicy has the documented defaults.
func DefaultSessionPolicy() *SessionPolicy {
	return &SessionPolicy{RetrieveOnDemand: true, RetrievalMaxAttempts: 2, RetrievalMaxWait: Duration(time.Second),
		IdleTimeout: Duration(30 * time.Minute), Lifetime: Duration(12 * time.Hour), MaxDegradedAge: Duration(15 * time.Minute)}
}

// ObjectName is SingletonName.
func (p *SessionPolicy) ObjectName() string { return SingletonName }

// Normalize has nothing to do.
func (p *SessionPolicy) Normalize() {}

// Validate refuses what contradicts itself.
func (p *SessionPolicy) Validate() []fault.Field {
	var c checks
	c.want(p.RetrievalMaxAttempts >= 1 && p.RetrievalMaxAttempts <= 10, "/retrieval_max_attempts", "%d is not between 1 and 10", p.RetrievalMaxAttempts)
	c.want(p.RetrievalMaxWait.D() >= 10*time.Millisecond && p.RetrievalMaxWait.D() <= 30*time.Second, "/retrieval_max_wait", "%s is not between 10ms and 30s", p.RetrievalMaxWait)
	c.want(p.IdleTimeout.D() >= time.Second && p.IdleTimeout.D() <= 24*time.Hour, "/idle_timeout", "%s is not between 1s and 24h", p.IdleTimeout)
	c.want(p.Lifetime.D() <= 30*24*time.Hour, "/lifetime", "%s is more than 720h", p.Lifetime)
	c.want(p.IdleTimeout < p.Lifetime, "/idle_timeout", "%s is not below lifetime (%s)", p.IdleTimeout, p.Lifetime)
	c.want(p.MaxDegradedAge.D() >= time.Second && p.MaxDegradedAge.D() <= 24*time.Hour, "/max_degraded_age", "%s is not between 1s and 24h", p.MaxDegradedAge)
	c.want(p.MaxDegradedAge <= p.Lifetime, "/max_degraded_age", "%s is above lifetime (%s), so it would never count", p.MaxDegradedAge, p.Lifetime)
	if p.SignInURL != "" {
		c.want(ValidOrigin(p.SignInURL), "/sign_in_url", "%q is no origin; write scheme://host or scheme://host:port and nothing behind it", clip(p.SignInURL))
	}
	return c.fields
}

// References gives none.
func (p *SessionPolicy) References() []Reference { return nil }

// ValidOrigin says whether s is exactly scheme://host[:port], http or https, with nothing else.
func ValidOrigin(s string) bool {
	u, err := url.Parse(s)
	return err == nil && len(s) <= 512 && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && u.User == nil &&
		s == u.Scheme+"://"+u.Host && FoldName(s) == s
}
