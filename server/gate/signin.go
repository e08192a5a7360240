package gate

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/concord-access/terraform-provider-concord/internal/browser"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// callback ends a sign-in: code, state and flow cookies go to Concord, which gives this agent's cookie and the way back.
func (g *Gate) callback(w http.ResponseWriter, r *http.Request, id string) {
	if !allowed(w, r, http.MethodGet) {
		g.refuse(w, r, id, wrongMethod())
		return
	}
	code, state, ok := codeAndState(r.URL.RawQuery)
	if !ok {
		g.refuse(w, r, id, badRequest("The address of this page is not complete, or was changed on its way."))
		return
	}
	a, err := ask[wire.RedeemAnswer](r.Context(), g.servers, "", redeemPath, wire.RedeemRequest{
		Host: r.Host, Scheme: g.cfg.ExternalScheme, Code: code, State: state,
		FlowCookies: browser.Flows(browser.Cookies(r.Header), g.names.flow), ClientAddress: clientAddress(r),
	})
	f, isFault := errors.AsType[*fault.Error](err)
	switch {
	case err == nil:
		addCookies(w, a.SetCookies)
		redirect(w, a.Location, http.StatusSeeOther)
	case isFault && f.Kind != fault.Unavailable && f.Kind != fault.Internal: // expired, used, or made for another browser
		g.cfg.Logger.Info("sign-in not completed", "request_id", id, "code", f.Code, "error", err)
		g.refuse(w, r, id, signInFailed(f.Hint))
	default:
		g.trouble(w, r, id, err)
	}
}

// maxQuery is the longest query of a callback: a code and a state.
const maxQuery = 8192

// codeAndState wants each exactly once: of two, one was added (SEC-28).
func codeAndState(query string) (code, state string, ok bool) {
	if len(query) > maxQuery {
		return "", "", false
	}
	v, err := url.ParseQuery(query)
	if err != nil || len(v["code"]) != 1 || len(v["state"]) != 1 {
		return "", "", false
	}
	code, state = v.Get("code"), v.Get("state")
	return code, state, code != "" && state != ""
}

// logout shows a form and, when it is posted from here, ends the sign-on everywhere. A link alone signs nobody out (SEC-15).
func (g *Gate) logout(w http.ResponseWriter, r *http.Request, id string) {
	switch {
	case !allowed(w, r, http.MethodGet, http.MethodPost):
		g.refuse(w, r, id, wrongMethod())
	case r.Method == http.MethodGet:
		g.show(w, id, logoutForm())
	case !browser.SameOrigin(r.Header, g.cfg.ExternalScheme+"://"+r.Host):
		g.refuse(w, r, id, crossSite())
	default:
		g.endSession(w, r, id)
	}
}

func (g *Gate) endSession(w http.ResponseWriter, r *http.Request, id string) {
	cookie := browser.One(browser.Cookies(r.Header), g.names.agent)
	if cookie == "" {
		g.show(w, id, signedOut())
		return
	}
	a, err := ask[wire.LogoutAnswer](r.Context(), g.servers, cookie, logoutPath, wire.LogoutRequest{Cookie: cookie})
	if err != nil { // the cookie stays: with it the person can try again, without it nobody could end the sign-on from here
		g.trouble(w, r, id, err)
		return
	}
	addCookies(w, a.SetCookies)
	redirect(w, a.Location, http.StatusSeeOther)
}

// allowed says whether r's method is one of methods, and names them in Allow if not.
func allowed(w http.ResponseWriter, r *http.Request, methods ...string) bool {
	for _, m := range methods {
		if r.Method == m {
			return true
		}
	}
	for _, m := range methods {
		w.Header().Add("Allow", m)
	}
	return false
}
