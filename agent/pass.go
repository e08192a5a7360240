package agent

import (
	"context"
	"net/http"
	"strings"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// pass gives an allowed request to next: the same method, path, query, host and body, and only headers that a browser may speak for.
func (a *Agent) pass(w http.ResponseWriter, r *http.Request, next http.Handler, answer wire.AuthorizeAnswer, id string) {
	ctx, cancel := context.WithCancel(identified(r.Context(), answer))
	defer cancel()
	if lasting(r.Header) {
		leave, ok := a.signOns.enter(answer.SSOID, cancel)
		if !ok {
			a.ended(w, r, id)
			return
		}
		defer leave()
	}
	addCookies(w, answer.SetCookies)
	out := r.WithContext(ctx)
	out.Header = r.Header.Clone()
	out.Trailer = nil // trailers would arrive as headers after ours
	onlyWebSocket(out.Header)
	stripHeaders(out.Header, answer.Headers)
	stripCookies(out.Header)
	if answer.CredentialsUsed { // a password of Concord's is nothing that the application has to see
		out.Header.Del("Authorization")
	}
	out.Header.Set(wire.HeaderRequestID, id)
	for name, value := range answer.Headers {
		out.Header.Set(name, value)
	}
	next.ServeHTTP(w, out)
}

// lasting says that the answer may go on for as long as the browser likes, so that the end of the sign-on has to end it.
func lasting(h http.Header) bool {
	return isWebSocket(h) || strings.Contains(strings.Join(h.Values("Accept"), ","), "text/event-stream")
}

func isWebSocket(h http.Header) bool { return strings.EqualFold(h.Get("Upgrade"), "websocket") }

// onlyWebSocket drops any other upgrade: a connection that became HTTP/2 would carry requests that nobody asked Concord about. Whatever
// else Connection lists is dropped too: a proxy behind us would take the headers away that it names, and they may be ours.
func onlyWebSocket(h http.Header) {
	upgrade := isWebSocket(h)
	h.Del("Connection")
	if !upgrade {
		h.Del("Upgrade")
		return
	}
	h.Set("Connection", "Upgrade")
}

// stripHeaders removes what only the agent may say, in every spelling that a web framework folds together: CGI and its
// heirs make X_Concord_User and X-Concord-User one variable (SEC-20). Method overrides go too: the decision was about the
// real method (SEC-24).
func stripHeaders(h http.Header, identity map[string]string) {
	ours := make(map[string]bool, len(identity))
	for name := range identity {
		ours[folded(name)] = true
	}
	for name := range h {
		if f := folded(name); ours[f] || isReserved(f) {
			delete(h, name)
		}
	}
}

func isReserved(folded string) bool {
	switch folded {
	case "forwarded", "x-real-ip", "x-original-url", "x-rewrite-url", "x-request-id", "x-original-host", "x-original-method",
		"x-http-method", "x-http-method-override", "x-method-override":
		return true
	}
	return strings.HasPrefix(folded, "x-concord-") || folded == "x-concord" || strings.HasPrefix(folded, "x-forwarded-") || folded == "x-forwarded"
}

// folded spells a header's name as the most forgiving reader would: lower case, every other sign a dash.
func folded(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		}
		return '-'
	}, name)
}

func addCookies(w http.ResponseWriter, cookies []string) {
	for _, c := range cookies {
		w.Header().Add("Set-Cookie", c)
	}
}
