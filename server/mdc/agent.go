package mdc

import (
	"fmt"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// Agent is what asks Concord on behalf of web servers: the same registration in every data center (OAM-11, CAMS-04).
type Agent struct {
	Name           string   `json:"name"`
	Hosts          []string `json:"hosts"`                     // exact origins, scheme://host[:port]
	StartPage      string   `json:"start_page,omitempty"`      // where a person goes who has no return address; an URL on one of Hosts
	CookieLifetime Duration `json:"cookie_lifetime,omitempty"` // 0 = half the idle time-out (OAM-27)
	Secret         Secret   `json:"secret"`
	// CertificateIdentities are the certificates that may ask as this agent, beside its secret: exact URI names,
	// spiffe://<cluster id in lower case>/agent/<agent>, of any data center.
	CertificateIdentities []string `json:"certificate_identities,omitempty"`

	SecurityDomain string `json:"security_domain,omitempty"`
	// Primary and Secondary are the servers that its gates ask, in order (OAM-10); see ParseAgentServer. None: those of the gate's file.
	Primary   []string `json:"primary,omitempty"`
	Secondary []string `json:"secondary,omitempty"`
	// BackchannelLogoutURL is told when a sign-on ends that used the agent; "" = nobody is.
	BackchannelLogoutURL string   `json:"backchannel_logout_url,omitempty"`
	CacheLifetime        Duration `json:"cache_lifetime,omitempty"` // for which a gate may use a decision again; 0 = it asks each time
}

// MinAgentSecret is the shortest agent secret, in bytes: it is checked fast, so it must not be guessable.
const MinAgentSecret = 16

// MaxCertificateIdentities is the most certificates that one agent lists: one for each data center is what is needed.
const MaxCertificateIdentities = 64

// AgentIdentity reads a certificate's name of an agent, byte for byte; ok is false for everything else.
func AgentIdentity(id string) (clusterID, agent string, ok bool) {
	rest, ok := strings.CutPrefix(id, "spiffe://")
	if !ok || len(id) > 256 {
		return "", "", false
	}
	clusterID, agent, ok = strings.Cut(rest, "/agent/")
	return clusterID, agent, ok && ValidClusterID(clusterID) && clusterID == FoldName(clusterID) && ValidAgentName(agent)
}

// AgentKind describes agents.
func AgentKind() Kind {
	return Kind{Name: "agent", Collection: "agents", Scope: Replicated, Overridable: true, RefersTo: []string{"security_domain"}, New: func() Object { return &Agent{} }}
}

// ObjectName is the agent's name.
func (a *Agent) ObjectName() string { return a.Name }

// Owner is the security domain.
func (a *Agent) Owner() string { return a.SecurityDomain }

// Normalize orders hosts and identities. The order of servers has a meaning.
func (a *Agent) Normalize() {
	a.Hosts, a.CertificateIdentities = sortedSet(a.Hosts), sortedSet(a.CertificateIdentities)
	if len(a.Primary) == 0 {
		a.Primary = nil
	}
	if len(a.Secondary) == 0 {
		a.Secondary = nil
	}
}

// Secrets gives the agent's secret.
func (a *Agent) Secrets() map[string]*Secret { return map[string]*Secret{"/secret": &a.Secret} }

// Validate checks origins, start page, servers and secret.
func (a *Agent) Validate() []fault.Field {
	var c checks
	c.want(ValidAgentName(a.Name), "/name", "%q is no agent name: 1 to 64 of letters, digits and -", clip(a.Name))
	c.domain(a.SecurityDomain)
	c.want(len(a.Hosts) > 0 && len(a.Hosts) <= 100, "/hosts", "names %d origins; give 1 to 100", len(a.Hosts))
	for i, h := range a.Hosts {
		c.want(ValidOrigin(h), fmt.Sprintf("/hosts/%d", i), "%q is no origin; write scheme://host or scheme://host:port in lower case and nothing behind it", clip(h))
	}
	if a.StartPage != "" {
		c.want(a.onOwnHost(a.StartPage), "/start_page", "%q does not lie under one of hosts", clip(a.StartPage))
	}
	c.want(a.CookieLifetime >= 0 && a.CookieLifetime.D() <= 30*24*time.Hour, "/cookie_lifetime", "%s is not between 0s and 720h", a.CookieLifetime)
	c.want(len(a.CertificateIdentities) <= MaxCertificateIdentities, "/certificate_identities", "names %d certificates; at most %d are allowed", len(a.CertificateIdentities), MaxCertificateIdentities)
	for i, id := range a.CertificateIdentities {
		cluster, name, ok := AgentIdentity(id)
		at := fmt.Sprintf("/certificate_identities/%d", i)
		c.want(ok, at, "%q is not spiffe://<cluster id in lower case>/agent/<agent>, as it stands in the certificate", clip(id))
		c.want(!ok || name == a.Name, at, "%q names the agent %q, not %q: a certificate speaks for the agent that it names; write spiffe://%s/agent/%s", clip(id), name, clip(a.Name), cluster, clip(a.Name))
	}
	a.checkServers(&c)
	a.checkLogoutURL(&c)
	c.want(a.CacheLifetime >= 0 && a.CacheLifetime.D() <= MaxCacheLifetime && a.CacheLifetime.D()%time.Second == 0, "/cache_lifetime", "%s is not a whole number of seconds from 0s to %s", a.CacheLifetime, MaxCacheLifetime)
	if p, ok := a.Secret.Plain(); ok {
		c.want(len(p) >= MinAgentSecret, "/secret", "is shorter than %d characters", MinAgentSecret)
		c.want(len(p) <= 1024, "/secret", "is longer than 1,024 bytes")
	}
	return c.fields
}

func (a *Agent) onOwnHost(page string) bool {
	if len(page) > 2048 || strings.ContainsAny(page, " \\\t\r\n") {
		return false
	}
	for _, h := range a.Hosts {
		if page == h || strings.HasPrefix(page, h+"/") {
			return true
		}
	}
	return false
}

// References gives the domain.
func (a *Agent) References() []Reference { return owned(a.SecurityDomain) }
