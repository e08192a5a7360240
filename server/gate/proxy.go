package gate

import (
	"log/slog"
	"net/http"
	"net/http/httputil"
	"strings"

	"github.com/concord-access/terraform-provider-concord/internal/browser"
)

// proxy passes what the agent let through to the application. The agent has already taken out what a browser may not say, Connection
// with it, so that httputil drops none of the headers that name a person.
func (g *Gate) proxy() http.Handler {
	return &httputil.ReverseProxy{
		Transport:      g.transport,
		ErrorLog:       slog.NewLogLogger(g.cfg.Logger.Handler(), slog.LevelDebug),
		Rewrite:        g.rewrite,
		ModifyResponse: func(res *http.Response) error { stripSetCookies(res.Header); return nil },
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if r.Context().Err() == nil {
				g.cfg.Logger.Warn("application does not answer", "request_id", r.Header.Get("X-Request-Id"), "error", err)
			}
			g.agent.Unreachable(w, r)
		},
	}
}

// rewrite makes the request that the application gets: the same method, path, query and host.
func (g *Gate) rewrite(p *httputil.ProxyRequest) {
	p.Out.URL.Scheme, p.Out.URL.Host = g.upstream.Scheme, g.upstream.Host
	p.Out.URL.RawQuery = p.In.URL.RawQuery // httputil cleans it; the application gets what Concord was asked about
	p.Out.Host = p.In.Host
	p.Out.Trailer = nil // trailers would arrive as headers after ours
	p.SetXForwarded()
	p.Out.Header.Set("X-Forwarded-Proto", g.cfg.ExternalScheme)
}

// stripSetCookies keeps an application from setting Concord's cookies: what it may not read it may not plant.
func stripSetCookies(h http.Header) {
	old := h.Values("Set-Cookie")
	h.Del("Set-Cookie")
	for _, line := range old {
		name, _, _ := strings.Cut(line, "=")
		if !browser.IsConcords(name) {
			h.Add("Set-Cookie", line)
		}
	}
}
