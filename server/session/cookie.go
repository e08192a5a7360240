package session

import (
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session/seal"
)

const hostPrefix = "__Host-"

// SignInCookieName is the cookie of the sign-in host (OAM-14). Without TLS the prefix falls away.
func SignInCookieName(secure bool) string { return prefixed("concord_sso", secure) }

// AgentCookieName is the cookie of an agent's hosts (OAM-15). It depends on the registered name only (SEC-14).
func AgentCookieName(agent string, secure bool) string {
	return prefixed("concord_agent_"+agent, secure)
}

// FlowCookiePrefix is how the names of an agent's flow cookies start; 8 hexadecimal digits follow.
func FlowCookiePrefix(agent string, secure bool) string {
	return prefixed("concord_flow_"+agent+"_", secure)
}

// FormCookieName is the cookie that the forms of the sign-in host are bound to.
func FormCookieName(secure bool) string { return prefixed("concord_form", secure) }

func prefixed(name string, secure bool) string {
	if secure {
		return hostPrefix + name
	}
	return name
}

func flowCookieName(agent string, state random128, secure bool) string {
	return FlowCookiePrefix(agent, secure) + hex.EncodeToString(state[:4])
}

// setCookie is the value of a Set-Cookie header (SEC-13). age 0 lets the cookie end with the browser; below, it clears it.
func setCookie(name, value string, age time.Duration, secure bool) string {
	var b strings.Builder
	b.Grow(len(name) + len(value) + 64)
	b.WriteString(name + "=" + value + "; Path=/")
	if age < 0 {
		b.WriteString("; Max-Age=0")
	}
	if age > 0 {
		b.WriteString("; Max-Age=" + strconv.Itoa(int(age/time.Second)))
	}
	if secure {
		b.WriteString("; Secure")
	}
	b.WriteString("; HttpOnly; SameSite=Lax")
	return b.String()
}

func clearCookie(name string, secure bool) string { return setCookie(name, "", -1, secure) }

// SecureCookies says whether cookies on an origin of that scheme carry Secure and the prefix: always, unless it is http and
// the configuration allows that.
func (e *Engine) SecureCookies(scheme string) bool { return scheme != "http" || !e.cfg.Insecure }

// SignInURL is the origin that people sign in at.
func (e *Engine) SignInURL() string {
	if u := e.cfg.Policies.SessionPolicy().SignInURL; u != "" {
		return u
	}
	return e.cfg.SignInURL
}

func (e *Engine) signInSecure() bool {
	scheme, _, _ := strings.Cut(e.SignInURL(), "://")
	return e.SecureCookies(scheme)
}

func (e *Engine) signInHost() string {
	_, host, _ := strings.Cut(e.SignInURL(), "://")
	return hostName(host)
}

func (e *Engine) signInAt() seal.Context {
	return seal.Context{Purpose: mdc.PurposeSignIn, Host: e.signInHost()}
}

func agentAt(purpose, agent, host string) seal.Context {
	return seal.Context{Purpose: purpose, Agent: agent, Host: hostName(host)}
}

// hostName is host[:port] without port and in lower case.
func hostName(host string) string { return strings.ToLower(withoutPort(host)) }

func withoutPort(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && i > strings.LastIndexByte(host, ']') {
		return host[:i]
	}
	return host
}

// ownsOrigin says whether scheme://host is one of the agent's hosts. It allocates nothing.
func ownsOrigin(a *mdc.Agent, scheme, host string) bool {
	for _, o := range a.Hosts {
		if len(o) == len(scheme)+3+len(host) && o[:len(scheme)] == scheme && o[len(scheme):len(scheme)+3] == "://" &&
			strings.EqualFold(o[len(scheme)+3:], host) {
			return true
		}
	}
	return false
}
