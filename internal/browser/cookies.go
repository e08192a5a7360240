package browser

import (
	"net/http"
	"strings"
)

const (
	// maxCookie is the longest cookie that Concord makes, with its name; a longer one is not looked at.
	maxCookie = 4096
	// maxFlows bounds the flow cookies that are looked at; a browser has at most MaxOpenFlows of one agent.
	maxFlows = 16
)

// MaxOpenFlows is how many sign-ins a browser may have open for one agent; Concord refuses more.
const MaxOpenFlows = 5

// Cookie is one cookie as it was sent: Raw is "name=value", nothing unquoted and nothing decoded.
type Cookie struct{ Name, Value, Raw string }

// Cookies splits every Cookie header. net/http's own reading strips quotes and drops what it does not like; Concord's
// cookies must be read exactly (SEC-07) and the application's passed on exactly.
func Cookies(h http.Header) []Cookie {
	var out []Cookie
	for _, line := range h["Cookie"] {
		for part := range strings.SplitSeq(line, ";") {
			part = strings.Trim(part, " \t")
			name, value, _ := strings.Cut(part, "=")
			if part != "" {
				out = append(out, Cookie{name, value, part})
			}
		}
	}
	return out
}

// One gives the value of the cookie called name; "" when it is absent, too long or there twice: of two, one was planted.
func One(all []Cookie, name string) string {
	value, seen := "", 0
	for _, c := range all {
		if c.Name == name {
			value = c.Value
			seen++
		}
	}
	if seen != 1 || len(value) > maxCookie {
		return ""
	}
	return value
}

// Flows gives the cookies whose names start with prefix, each as "name=value".
func Flows(all []Cookie, prefix string) []string {
	out := []string{}
	for _, c := range all {
		if strings.HasPrefix(c.Name, prefix) && len(c.Raw) <= maxCookie && len(out) < maxFlows {
			out = append(out, c.Raw)
		}
	}
	return out
}

// Forget is the value of a Set-Cookie header that clears a cookie given as "name=value".
func Forget(raw, scheme string) string {
	name, _, _ := strings.Cut(raw, "=")
	end := "=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"
	if scheme == "https" {
		end += "; Secure"
	}
	return name + end
}

// IsConcords says whether a cookie's name is Concord's, of any agent and with or without prefix: applications get none of them.
func IsConcords(name string) bool {
	name = strings.ToLower(strings.Trim(name, " \t"))
	name = strings.TrimPrefix(strings.TrimPrefix(name, "__host-"), "__secure-")
	return strings.HasPrefix(name, "concord_")
}

// Foreign gives the Cookie header for the application: its own cookies, each as it was; "" when there are none.
func Foreign(all []Cookie) string {
	var keep []string
	for _, c := range all {
		if !IsConcords(c.Name) {
			keep = append(keep, c.Raw)
		}
	}
	return strings.Join(keep, "; ")
}
