package agent

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/concord-access/terraform-provider-concord/internal/browser"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// callback ends a sign-in: code, state and flow cookies go to Concord, which gives this agent's cookie and the way back.
func (a *Agent) callback(w http.ResponseWriter, r *http.Request, id string) {
	if !allowed(w, r, http.MethodGet) {
		a.refuse(w, r, id, wrongMethod())
		return
	}
	code, state, ok := codeAndState(r.URL.RawQuery)
	if !ok {
		a.refuse(w, r, id, badRequest("The address of this page is not complete, or was changed on its way."))
		return
	}
	sent := browser.Cookies(r.Header)
	answer, from, err := ask[wire.RedeemAnswer](r.Context(), a.servers, question{sticky: browser.One(sent, a.names.agent), fresh: true, path: redeemPath}, wire.RedeemRequest{
		Host: r.Host, Scheme: a.cfg.Scheme, Code: code, State: state, FlowCookies: browser.Flows(sent, a.names.flow), ClientAddress: clientAddress(r),
	})
	f, isFault := errors.AsType[*fault.Error](err)
	switch {
	case err == nil:
		a.servers.settle(a.cookieIn(&answer), from)
		addCookies(w, answer.SetCookies)
		redirect(w, answer.Location, http.StatusSeeOther)
	case isFault && f.Kind != fault.Unavailable && f.Kind != fault.Internal: // expired, used, or made for another browser
		a.cfg.Logger.Info("sign-in not completed", "request_id", id, "code", f.Code, "error", err)
		a.refuse(w, r, id, signInFailed(f.Hint))
	default:
		a.trouble(w, r, id, err)
	}
}

// cookieIn is the agent's cookie that a redeemed code gave; "" when it gave none.
func (a *Agent) cookieIn(answer *wire.RedeemAnswer) string {
	for _, line := range answer.SetCookies {
		pair, _, _ := strings.Cut(line, ";")
		if name, value, _ := strings.Cut(pair, "="); name == a.names.agent {
			return value
		}
	}
	return ""
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
func (a *Agent) logout(w http.ResponseWriter, r *http.Request, id string) {
	switch {
	case !allowed(w, r, http.MethodGet, http.MethodPost):
		a.refuse(w, r, id, wrongMethod())
	case r.Method == http.MethodGet:
		a.show(w, id, logoutForm())
	case !browser.SameOrigin(r.Header, a.cfg.Scheme+"://"+r.Host):
		a.refuse(w, r, id, crossSite())
	default:
		a.endSession(w, r, id)
	}
}

func (a *Agent) endSession(w http.ResponseWriter, r *http.Request, id string) {
	cookie := browser.One(browser.Cookies(r.Header), a.names.agent)
	if cookie == "" {
		a.show(w, id, signedOut())
		return
	}
	answer, _, err := ask[wire.LogoutAnswer](r.Context(), a.servers, question{sticky: cookie, path: logoutPath}, wire.LogoutRequest{Cookie: cookie})
	if err != nil { // the cookie stays: with it the person can try again, without it nobody could end the sign-on from here
		a.trouble(w, r, id, err)
		return
	}
	addCookies(w, answer.SetCookies)
	redirect(w, answer.Location, http.StatusSeeOther)
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
