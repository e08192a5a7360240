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
}

// MinAgentSecret is the shortest agent secret, in bytes: it is checked fast, so it must not be guessable.
const MinAgentSecret = 16

// AgentKind describes agents.
func AgentKind() Kind {
	return Kind{Name: "agent", Collection: "agents", Scope: Replicated, Overridable: true, New: func() Object { return &Agent{} }}
}

// ObjectName is the agent's name.
func (a *Agent) ObjectName() string { return a.Name }

// Normalize orders the hosts.
func (a *Agent) Normalize() { a.Hosts = sortedSet(a.Hosts) }

// Secrets gives the agent's secret.
func (a *Agent) Secrets() map[string]*Secret { return map[string]*Secret{"/secret": &a.Secret} }

// Validate checks origins, start page and secret.
func (a *Agent) Validate() []fault.Field {
	var c checks
	c.want(ValidAgentName(a.Name), "/name", "%q is no agent name: 1 to 64 of letters, digits and -", clip(a.Name))
	c.want(len(a.Hosts) > 0 && len(a.Hosts) <= 100, "/hosts", "names %d origins; give 1 to 100", len(a.Hosts))
	for i, h := range a.Hosts {
		c.want(ValidOrigin(h), fmt.Sprintf("/hosts/%d", i), "%q is no origin; write scheme://host or scheme://host:port in lower case and nothing behind it", clip(h))
	}
	if a.StartPage != "" {
		c.want(a.onOwnHost(a.StartPage), "/start_page", "%q does not lie under one of hosts", clip(a.StartPage))
	}
	c.want(a.CookieLifetime >= 0 && a.CookieLifetime.D() <= 30*24*time.Hour, "/cookie_lifetime", "%s is not between 0s and 720h", a.CookieLifetime)
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

// References gives none.
func (a *Agent) References() []Reference { return nil }
