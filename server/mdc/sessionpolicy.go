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

	Anchored         bool     `json:"anchored"`                     // the data center that a user comes to takes the session over (OAM-19)
	Reauthenticate   bool     `json:"reauthenticate"`               // a session of elsewhere is a challenge (OAM-21, X7)
	GitoCookieDomain string   `json:"gito_cookie_domain,omitempty"` // of the inactivity cookie; "" = there is none (OAM-25)
	IdentityRecheck  Duration `json:"identity_recheck"`             // how often the user of a session in use is looked up again

	MaxSessionsPerUser         int    `json:"max_sessions_per_user"` // over all data centers; 0 = no limit (OAM-L2)
	MaxSessionsAction          string `json:"max_sessions_action"`
	MaxSessionsWhenPartitioned string `json:"max_sessions_when_partitioned"`
}

// What happens at max_sessions_per_user.
const (
	SessionsDeny      = "deny"       // the new sign-in is refused
	SessionsEndOldest = "end_oldest" // the user's oldest sign-on ends
)

// What counts at max_sessions_per_user while a partner does not answer.
const (
	PartitionedLocal = "local" // what is known here
	PartitionedAllow = "allow" // nothing: the limit is off
	PartitionedDeny  = "deny"  // nobody signs in who has a limit
)

// SessionPolicyKind describes the session policy singleton.
func SessionPolicyKind() Kind {
	return Kind{Name: "session_policy", Collection: "session-policy", Scope: Replicated, Singleton: true, Overridable: true,
		New: func() Object { return DefaultSessionPolicy() }}
}

// DefaultSessionPolicy has the documented defaults.
func DefaultSessionPolicy() *SessionPolicy {
	return &SessionPolicy{RetrieveOnDemand: true, RetrievalMaxAttempts: 2, RetrievalMaxWait: Duration(time.Second),
		IdleTimeout: Duration(30 * time.Minute), Lifetime: Duration(12 * time.Hour), MaxDegradedAge: Duration(15 * time.Minute),
		IdentityRecheck: Duration(time.Minute), MaxSessionsAction: SessionsDeny, MaxSessionsWhenPartitioned: PartitionedLocal}
}

// ObjectName is SingletonName.
func (p *SessionPolicy) ObjectName() string { return SingletonName }

// Normalize names the defaults.
func (p *SessionPolicy) Normalize() {
	if p.MaxSessionsAction == "" {
		p.MaxSessionsAction = SessionsDeny
	}
	if p.MaxSessionsWhenPartitioned == "" {
		p.MaxSessionsWhenPartitioned = PartitionedLocal
	}
}

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
	c.want(!p.Anchored || p.RetrieveOnDemand, "/anchored", "needs retrieve_on_demand = true: who takes a session over without its attributes would end what it cannot replace")
	c.want(p.IdentityRecheck.D() >= time.Second && p.IdentityRecheck.D() <= 24*time.Hour, "/identity_recheck", "%s is not between 1s and 24h", p.IdentityRecheck)
	c.want(p.MaxSessionsPerUser >= 0 && p.MaxSessionsPerUser <= MaxSessionsPerUser, "/max_sessions_per_user", "%d is not between 0 (no limit) and %d", p.MaxSessionsPerUser, MaxSessionsPerUser)
	c.oneOf("/max_sessions_action", p.MaxSessionsAction, SessionsDeny, SessionsEndOldest)
	c.oneOf("/max_sessions_when_partitioned", p.MaxSessionsWhenPartitioned, PartitionedLocal, PartitionedAllow, PartitionedDeny)
	p.validateDomain(&c)
	return c.fields
}

// MaxSessionsPerUser is the largest limit: so many sign-ons are compared at each sign-in.
const MaxSessionsPerUser = 1000

// References gives none.
func (p *SessionPolicy) References() []Reference { return nil }

// ValidOrigin says whether s is exactly scheme://host[:port], http or https, with nothing else.
func ValidOrigin(s string) bool {
	u, err := url.Parse(s)
	return err == nil && len(s) <= 512 && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && u.User == nil &&
		s == u.Scheme+"://"+u.Host && FoldName(s) == s
}
