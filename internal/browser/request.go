package browser

import (
	"net/http"
	"strings"
)

// IsNavigation says whether a browser wants a page to show. method is
// the browser's, which is not always that of the request that carries its headers.
func IsNavigation(method string, h http.Header) bool {
	if mode := h.Values("Sec-Fetch-Mode"); len(mode) > 0 {
		return len(mode) == 1 && mode[0] == "navigate"
	}
	return method == http.MethodGet && strings.Contains(strings.Join(h.Values("Accept"), ","), "text/html")
}

// IsBrowser says whether a browser sent the request, whatever for: browsers of today say so in Sec-Fetch headers, which no script of
// theirs can leave out or set, and programs have no reason to.
func IsBrowser(h http.Header) bool {
	return len(h.Values("Sec-Fetch-Site"))+len(h.Values("Sec-Fetch-Mode"))+len(h.Values("Sec-Fetch-Dest")) > 0
}

// ProgramCredentials gives the Authorization header of a program that sends HTTP Basic, once; "" for anything else. What a browser
// sends by itself with each request to a site counts for nothing: any page could make it send that (SEC-15).
func ProgramCredentials(h http.Header) string {
	sent := h.Values("Authorization")
	if len(sent) != 1 || IsBrowser(h) || len(sent[0]) < 6 || !strings.EqualFold(sent[0][:6], "Basic ") {
		return ""
	}
	return sent[0]
}

// SameOrigin says whether a page of origin sent a form. A browser says so in Sec-Fetch-Site or Origin, and neither may
// contradict; a request with neither comes from no browser that has a session here (SEC-15).
func SameOrigin(h http.Header, origin string) bool {
	site, sent := h.Values("Sec-Fetch-Site"), h.Values("Origin")
	if len(site)+len(sent) == 0 || len(site) > 1 || len(sent) > 1 {
		return false
	}
	return (len(site) == 0 || site[0] == "same-origin") && (len(sent) == 0 || sent[0] == origin)
}
