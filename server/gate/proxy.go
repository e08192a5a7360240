package gate

import (
	"log/slog"
	"net/http"
	"net/http/httputil"
	"strings"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// forward passes an allowed request to the application. The proxy is made for each request, so that what Concord answered
// about it is in its own closures and nowhere else.
func (g *Gate) forward(w http.ResponseWriter, r *http.Request, a wire.AuthorizeAnswer, id string) {
	addCookies(w, a.SetCookies)
	(&httputil.ReverseProxy{
		Transport:      g.transport,
		ErrorLog:       slog.NewLogLogger(g.cfg.Logger.Handler(), slog.LevelDebug),
		Rewrite:        func(p *httputil.ProxyRequest) { g.rewrite(p, a, id) },
		ModifyResponse: func(res *http.Response) error { stripSetCookies(res.Header); return nil },
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if r.Context().Err() == nil {
				g.cfg.Logger.Warn("application does not answer", "request_id", id, "error", err)
			}
			g.refuse(w, r, id, badGateway())
		},
	}).ServeHTTP(w, r)
}

// rewrite makes the request that the application gets: the same method, path, query and host, and only headers that a
// browser may speak for. httputil has already dropped hop-by-hop headers and those that Connection listed, so a browser
// cannot have ours dropped: they are set after that.
func (g *Gate) rewrite(p *httputil.ProxyRequest, a wire.AuthorizeAnswer, id string) {
	p.Out.URL.Scheme, p.Out.URL.Host = g.upstream.Scheme, g.upstream.Host
	p.Out.URL.RawQuery = p.In.URL.RawQuery // httputil cleans it; the application gets what Concord was asked about
	p.Out.Host = p.In.Host
	p.Out.Trailer = nil // trailers would arrive as headers after ours
	onlyWebSocket(p.Out.Header)
	stripHeaders(p.Out.Header, a.Headers)
	stripCookies(p.Out.Header)
	if a.CredentialsUsed { // a password of Concord's is nothing that the application has to see
		p.Out.Header.Del("Authorization")
	}
	p.SetXForwarded()
	p.Out.Header.Set("X-Forwarded-Proto", g.cfg.ExternalScheme)
	p.Out.Header.Set(wire.HeaderRequestID, id)
	for name, value := range a.Headers {
		p.Out.Header.Set(name, value)
	}
}

// onlyWebSocket drops any other upgrade: a connection that became HTTP/2 would carry requests that nobody asked Concord about.
func onlyWebSocket(h http.Header) {
	if !strings.EqualFold(h.Get("Upgrade"), "websocket") {
		h.Del("Upgrade")
		h.Del("Connection")
	}
}

// stripHeaders removes what only the gate may say, in every spelling that a web framework folds together: CGI and its
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
