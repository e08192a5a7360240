package mdc

import (
	"fmt"
	"net"
	"net/url"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// CookieDomainFault says why browsers would not keep a cookie for domain, or keep it for strangers too; "" when they keep it
// for one owner's hosts alone. Public suffixes are those of publicsuffix.org as the server was built with them; of a name
// whose last label is unknown there, such as corp.internal, that label alone is one.
func CookieDomainFault(domain string) string {
	switch {
	case strings.HasPrefix(domain, "."):
		return fmt.Sprintf("%q starts with a dot; write %q, which covers every host under it", clip(domain), clip(strings.TrimLeft(domain, ".")))
	case !validHostName(domain) || net.ParseIP(domain) != nil:
		return fmt.Sprintf("%q is no domain; write a name such as example.com, in lower case", clip(domain))
	}
	if _, err := publicsuffix.EffectiveTLDPlusOne(domain); err != nil {
		return fmt.Sprintf("%q is a public suffix, under which anybody may have a host; browsers keep no cookie for it. Write your own domain below it", clip(domain))
	}
	return ""
}

// validHostName says whether s is letters, digits and inner hyphens in labels of at most 63 bytes.
func validHostName(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, r := range label {
			if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
				return false
			}
		}
	}
	return true
}

// UnderDomain says whether a cookie of domain is sent to host, a host name without port in lower case. It allocates nothing.
func UnderDomain(host, domain string) bool {
	if host == domain {
		return true
	}
	rest, ok := strings.CutSuffix(host, domain)
	return ok && strings.HasSuffix(rest, ".") && domain != ""
}

// OriginHost is the host name of an origin, without port.
func OriginHost(origin string) string {
	u, err := url.Parse(origin)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Hostname())
}

func (p *SessionPolicy) validateDomain(c *checks) {
	if p.GitoCookieDomain == "" {
		return
	}
	if wrong := CookieDomainFault(p.GitoCookieDomain); wrong != "" {
		c.want(false, "/gito_cookie_domain", "%s", wrong)
		return
	}
	if p.SignInURL != "" {
		c.want(p.coversSignIn(p.SignInURL), "/gito_cookie_domain", "%q does not cover sign_in_url (%s): the sign-in host would never see the cookie", p.GitoCookieDomain, clip(p.SignInURL))
	}
}

func (p *SessionPolicy) coversSignIn(origin string) bool {
	return UnderDomain(OriginHost(origin), p.GitoCookieDomain)
}

// AgentsFit gives what in the policy contradicts the agents (OAM-16, OAM-26, OAM-27). runtimeURL is what an empty sign_in_url stands
// for; "" leaves that out. Pointers are the policy's.
func (p *SessionPolicy) AgentsFit(agents []*Agent, runtimeURL string) []fault.Field {
	var c checks
	if p.GitoCookieDomain == "" {
		for _, a := range agents {
			if a.CookieLifetime >= p.IdleTimeout {
				c.want(false, "/idle_timeout", "%s is not above cookie_lifetime (%s) of the agent %q: without gito_cookie_domain its cookie must end first, so that a user in use passes the sign-in host before being idle there",
					p.IdleTimeout, a.CookieLifetime, a.Name)
				break
			}
		}
		return c.fields
	}
	if p.SignInURL == "" && runtimeURL != "" {
		c.want(p.coversSignIn(runtimeURL), "/gito_cookie_domain", "%q does not cover this data center's runtime address (%s), where people sign in as long as sign_in_url is not set", p.GitoCookieDomain, runtimeURL)
	}
	c.want(len(agents) == 0 || anyUnder(agents, p.GitoCookieDomain), "/gito_cookie_domain",
		"no agent's host lies under %q, so no browser would ever get the cookie; declare such an agent first (in Terraform: depends_on), or another domain", p.GitoCookieDomain)
	return c.fields
}

func anyUnder(agents []*Agent, domain string) bool {
	for _, a := range agents {
		for _, origin := range a.Hosts {
			if UnderDomain(OriginHost(origin), domain) {
				return true
			}
		}
	}
	return false
}

// FitsPolicy gives what in the agent contradicts the policy (OAM-27).
func (a *Agent) FitsPolicy(p *SessionPolicy) []fault.Field {
	var c checks
	c.want(p.GitoCookieDomain != "" || a.CookieLifetime < p.IdleTimeout, "/cookie_lifetime",
		"%s is not below the session policy's idle_timeout (%s): without gito_cookie_domain a user in use would be idle at the sign-in host before this cookie ends. Shorten it, or leave it out for half of idle_timeout",
		a.CookieLifetime, p.IdleTimeout)
	return c.fields
}
