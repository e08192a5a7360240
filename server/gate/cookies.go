package gate

import (
	"net/http"
	"strings"
)

// maxCookie is the longest cookie that Concord makes (sessions.md "Cookies and codes"); a longer one is not sent on.
const maxCookie = 4096

// maxFlows bounds what one redeem carries; a browser has at most 5 open.
const maxFlows = 16

// names of Concord's cookies on this agent's host. Without TLS the prefixes fall away, because browsers would not keep them.
type names struct{ agent, flow, inactivity string }

func cookieNames(agent, scheme string) names {
	host, secure := "__Host-", "__Secure-"
	if scheme != "https" {
		host, secure = "", ""
	}
	return names{agent: host + "concord_agent_" + agent, flow: host + "concord_flow_" + agent + "_", inactivity: secure + "concord_gito"}
}

// pair is one cookie as it was sent: raw is "name=value", nothing unquoted and nothing decoded.
type pair struct{ name, value, raw string }

// cookies splits every Cookie header. net/http's own reading strips quotes and drops what it does not like; Concord's
// cookies must be read exactly (SEC-07) and the application's passed on exactly.
func cookies(h http.Header) []pair {
	var out []pair
	for _, line := range h["Cookie"] {
		for part := range strings.SplitSeq(line, ";") {
			part = strings.Trim(part, " \t")
			name, value, _ := strings.Cut(part, "=")
			if part != "" {
				out = append(out, pair{name, value, part})
			}
		}
	}
	return out
}

// one gives the value of the cookie called name; "" when it is absent, too long or there twice: of two, one was planted.
func one(all []pair, name string) string {
	value, seen := "", 0
	for _, c := range all {
		if c.name == name {
			value = c.value
			seen++
		}
	}
	if seen != 1 || len(value) > maxCookie {
		return ""
	}
	return value
}

// flows gives the flow cookies, each as "name=value".
func flows(all []pair, prefix string) []string {
	out := []string{}
	for _, c := range all {
		if strings.HasPrefix(c.name, prefix) && len(c.raw) <= maxCookie && len(out) < maxFlows {
			out = append(out, c.raw)
		}
	}
	return out
}

// maxOpenFlows is how many sign-ins a browser may have open for one agent (sessions.md "Flow"); Concord refuses more.
const maxOpenFlows = 5

// forget clears cookies, each given as "name=value".
func forget(raw []string, scheme string) []string {
	end := "=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"
	if scheme == "https" {
		end += "; Secure"
	}
	var out []string
	for _, c := range raw {
		name, _, _ := strings.Cut(c, "=")
		out = append(out, name+end)
	}
	return out
}

// isOurs says whether a cookie's name is Concord's, of any agent and with or without prefix: applications get none of them.
func isOurs(name string) bool {
	name = strings.ToLower(strings.Trim(name, " \t"))
	name = strings.TrimPrefix(strings.TrimPrefix(name, "__host-"), "__secure-")
	return strings.HasPrefix(name, "concord_")
}

// stripCookies leaves the application's own cookies, each as it was.
func stripCookies(h http.Header) {
	var keep []string
	for _, c := range cookies(h) {
		if !isOurs(c.name) {
			keep = append(keep, c.raw)
		}
	}
	h.Del("Cookie")
	if len(keep) > 0 {
		h.Set("Cookie", strings.Join(keep, "; "))
	}
}

// stripSetCookies keeps an application from setting Concord's cookies: what it may not read it may not plant.
func stripSetCookies(h http.Header) {
	old := h.Values("Set-Cookie")
	h.Del("Set-Cookie")
	for _, line := range old {
		name, _, _ := strings.Cut(line, "=")
		if !isOurs(name) {
			h.Add("Set-Cookie", line)
		}
	}
}
