package agent

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
func (a *Agent) serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	id := rand.Text()
	w.Header().Set(wire.HeaderRequestID, id)
	switch path := r.URL.Path; {
	case !strings.HasPrefix(r.RequestURI, "/") || r.Host == "" || r.Method == http.MethodConnect:
		a.refuse(w, r, id, badRequest("The request is not one that a browser sends to a web site."))
	case path == "/.concord/callback":
		a.callback(w, r, id)
	case path == "/.concord/logout":
		a.logout(w, r, id)
	case path == "/.concord/backchannel-logout":
		a.backchannel(w, r, id)
	case path == "/.concord" || strings.HasPrefix(path, "/.concord/"):
		a.refuse(w, r, id, notFound())
	default:
		a.authorize(w, r, next, id)
	}
}

// authorize asks Concord, unless it has just said yes to the same, and does what it says; anything that is not a clear allow ends
// here.
func (a *Agent) authorize(w http.ResponseWriter, r *http.Request, next http.Handler, id string) {
	in, stale := a.question(r)
	now := a.cfg.Clock.Now()
	key := keyOf(&in)
	if in.Cookie != "" {
		if known, ok := a.signOns.known(key, now); ok {
			a.pass(w, r, next, known, id)
			return
		}
	}
	answer, err := a.decision(r, in)
	switch {
	case err != nil:
		a.trouble(w, r, id, err)
	case answer.Decision == wire.DecisionAllow:
		if !a.signOns.keep(key, answer, now) { // ended while we asked, or our server has not heard of it yet
			a.ended(w, r, id)
			return
		}
		a.pass(w, r, next, answer, id)
	case answer.Decision == wire.DecisionChallenge:
		if answer.Location != "" {
			addCookies(w, stale)
		}
		a.challenge(w, r, answer, id)
	default: // deny, and any word that this version does not know
		a.cfg.Logger.Info("request denied", "request_id", id, "user", answer.User, "method", r.Method, "host", r.Host, "path", r.URL.Path, "reason", answer.Reason)
		addCookies(w, answer.SetCookies)
		a.refuse(w, r, id, denied(answer.User != ""))
	}
}

// decision asks, and asks again with a program's credentials where Concord says that they are for it to read: what an application asks
// for by itself is none of Concord's business.
func (a *Agent) decision(r *http.Request, in wire.AuthorizeRequest) (wire.AuthorizeAnswer, error) {
	answer, _, err := ask[wire.AuthorizeAnswer](r.Context(), a.servers, question{sticky: in.Cookie, fresh: in.Cookie == "", path: authorizePath}, in)
	if err != nil || answer.Decision != wire.DecisionChallenge || answer.WWWAuthenticate == "" {
		return answer, err
	}
	if in.Authorization = browser.ProgramCredentials(r.Header); in.Authorization == "" {
		return answer, nil
	}
	answer, _, err = ask[wire.AuthorizeAnswer](r.Context(), a.servers, question{sticky: in.Authorization, path: authorizePath}, in)
	return answer, err
}

// question is what Concord is asked about a request; stale are cookies to clear where the answer begins another sign-in.
func (a *Agent) question(r *http.Request) (in wire.AuthorizeRequest, stale []string) {
	sent := browser.Cookies(r.Header)
	open := browser.Flows(sent, a.names.flow)
	if len(open) >= browser.MaxOpenFlows { // tabs that were left behind, or planted ones: a new sign-in starts with a clean slate
		for _, raw := range open {
			stale = append(stale, browser.Forget(raw, a.cfg.Scheme))
		}
		open = nil
	}
	return wire.AuthorizeRequest{
		Method: r.Method, Scheme: a.cfg.Scheme, Host: r.Host, Target: r.RequestURI, ClientAddress: clientAddress(r),
		Cookie: browser.One(sent, a.names.agent), InactivityCookie: browser.One(sent, a.names.inactivity), Navigation: isNavigation(r), FlowCookies: len(open),
	}, stale
}

// challenge sends a person to the sign-in page and tells a program that it is not signed in: a redirect would only make a
// script read a form.
func (a *Agent) challenge(w http.ResponseWriter, r *http.Request, answer wire.AuthorizeAnswer, id string) {
	addCookies(w, answer.SetCookies)
	if answer.Location != "" && isNavigation(r) {
		redirect(w, answer.Location, http.StatusFound)
		return
	}
	a.notSignedIn(w, r, id, answer.WWWAuthenticate)
}

// notSignedIn offers HTTP Basic where Concord does, to programs alone: a browser would ask for a password in a window of its own.
func (a *Agent) notSignedIn(w http.ResponseWriter, r *http.Request, id, basic string) {
	w.Header().Set("WWW-Authenticate", `Concord realm="`+a.cfg.Name+`"`)
	if basic != "" && !browser.IsBrowser(r.Header) {
		w.Header().Set("WWW-Authenticate", basic)
	}
	a.refuse(w, r, id, notSignedIn())
}

// ended answers who comes with a cookie of a sign-on of whose end we were told, while our server still allows it: that lasts until
// it hears of the end too. The cookie goes (OAM-L5). Nobody is redirected, since the sign-in page may not have heard of it either.
func (a *Agent) ended(w http.ResponseWriter, r *http.Request, id string) {
	addCookies(w, []string{browser.Forget(a.names.agent+"=", a.cfg.Scheme)})
	a.notSignedIn(w, r, id, "")
}

// trouble turns an error of Concord into the browser's answer.
func (a *Agent) trouble(w http.ResponseWriter, r *http.Request, id string, err error) {
	f, isFault := errors.AsType[*fault.Error](err)
	switch {
	case r.Context().Err() != nil: // the browser is gone; nobody reads this
		w.WriteHeader(http.StatusServiceUnavailable)
	case errors.Is(err, errNoServer) || !isFault:
		a.cfg.Logger.Error("no concord server answers", "request_id", id, "error", err)
		a.refuse(w, r, id, unavailable())
	case f.Kind == fault.Invalid || f.Kind == fault.TooLarge:
		a.refuse(w, r, id, badRequest(f.Message))
	default:
		a.cfg.Logger.Warn("concord refused", "request_id", id, "kind", client.KindName(f.Kind), "code", f.Code, "error", err)
		a.refuse(w, r, id, denied(false))
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
