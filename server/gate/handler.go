package gate

import (
	"crypto/rand"
	"errors"
	"net"
	"net/http"
	"strings"

	"github.com/concord-access/terraform-provider-concord/internal/browser"
	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// Routes of the runtime API that the gate calls.
const (
	authorizePath = "/session/v1/authorize"
	redeemPath    = "/session/v1/redeem"
	logoutPath    = "/session/v1/logout"
)

// serve answers one request of a browser. Paths under /.concord never reach the application, however they are spelled.
func (g *Gate) serve(w http.ResponseWriter, r *http.Request) {
	id := rand.Text()
	w.Header().Set(wire.HeaderRequestID, id)
	switch path := r.URL.Path; {
	case !strings.HasPrefix(r.RequestURI, "/") || r.Host == "" || r.Method == http.MethodConnect:
		g.refuse(w, r, id, badRequest("The request is not one that a browser sends to a web site."))
	case path == "/.concord/callback":
		g.callback(w, r, id)
	case path == "/.concord/logout":
		g.logout(w, r, id)
	case path == "/.concord" || strings.HasPrefix(path, "/.concord/"):
		g.refuse(w, r, id, notFound())
	default:
		g.authorize(w, r, id)
	}
}

// authorize asks Concord and does what it says; anything that is not a clear allow ends here.
func (g *Gate) authorize(w http.ResponseWriter, r *http.Request, id string) {
	sent := browser.Cookies(r.Header)
	cookie := browser.One(sent, g.names.agent)
	open := browser.Flows(sent, g.names.flow)
	var stale []string
	if len(open) >= browser.MaxOpenFlows { // tabs that were left behind, or planted ones: a new sign-in starts with a clean slate
		for _, raw := range open {
			stale = append(stale, browser.Forget(raw, g.cfg.ExternalScheme))
		}
		open = nil
	}
	q := wire.AuthorizeRequest{
		Method: r.Method, Scheme: g.cfg.ExternalScheme, Host: r.Host, Target: r.RequestURI, ClientAddress: clientAddress(r),
		Cookie: cookie, InactivityCookie: browser.One(sent, g.names.inactivity), Navigation: isNavigation(r), FlowCookies: len(open),
	}
	a, err := ask[wire.AuthorizeAnswer](r.Context(), g.servers, cookie, authorizePath, q)
	if credentials := browser.ProgramCredentials(r.Header); err == nil && a.WWWAuthenticate != "" && credentials != "" {
		q.Authorization = credentials // only here: what an application asks for by itself is none of Concord's business
		a, err = ask[wire.AuthorizeAnswer](r.Context(), g.servers, credentials, authorizePath, q)
	}
	switch {
	case err != nil:
		g.trouble(w, r, id, err)
	case a.Decision == wire.DecisionAllow:
		g.forward(w, r, a, id)
	case a.Decision == wire.DecisionChallenge:
		if a.Location != "" {
			addCookies(w, stale)
		}
		g.challenge(w, r, a, id)
	default: // deny, and any word that this version does not know
		g.cfg.Logger.Info("request denied", "request_id", id, "user", a.User, "method", r.Method, "host", r.Host, "path", r.URL.Path, "reason", a.Reason)
		addCookies(w, a.SetCookies)
		g.refuse(w, r, id, denied(a.User != ""))
	}
}

// challenge sends a person to the sign-in page and tells a program that it is not signed in: a redirect would only make a
// script read a form.
func (g *Gate) challenge(w http.ResponseWriter, r *http.Request, a wire.AuthorizeAnswer, id string) {
	addCookies(w, a.SetCookies)
	if a.Location != "" && isNavigation(r) {
		redirect(w, a.Location, http.StatusFound)
		return
	}
	w.Header().Set("WWW-Authenticate", `Concord realm="`+g.cfg.Agent+`"`)
	if a.WWWAuthenticate != "" && !browser.IsBrowser(r.Header) {
		w.Header().Set("WWW-Authenticate", a.WWWAuthenticate)
	}
	g.refuse(w, r, id, notSignedIn())
}

// trouble turns an error of Concord into the browser's answer.
func (g *Gate) trouble(w http.ResponseWriter, r *http.Request, id string, err error) {
	f, isFault := errors.AsType[*fault.Error](err)
	switch {
	case r.Context().Err() != nil: // the browser is gone; nobody reads this
		w.WriteHeader(http.StatusServiceUnavailable)
	case errors.Is(err, errNoServer) || !isFault:
		g.cfg.Logger.Error("no concord server answers", "request_id", id, "error", err)
		g.refuse(w, r, id, unavailable())
	case f.Kind == fault.Invalid || f.Kind == fault.TooLarge:
		g.refuse(w, r, id, badRequest(f.Message))
	default:
		g.cfg.Logger.Warn("concord refused", "request_id", id, "kind", client.KindName(f.Kind), "code", f.Code, "error", err)
		g.refuse(w, r, id, denied(false))
	}
}

func isNavigation(r *http.Request) bool { return browser.IsNavigation(r.Method, r.Header) }

// clientAddress is the peer's: a header that names another could be anybody's.
func clientAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return host
}

func redirect(w http.ResponseWriter, location string, status int) {
	h := w.Header()
	h.Set("Location", location)
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer") // a code or a request stands in the address
	w.WriteHeader(status)
}
