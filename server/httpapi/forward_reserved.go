package httpapi

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/concord-access/terraform-provider-concord/internal/browser"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/session"
)

// maxCallbackQuery is the longest query of a callback: a code and a state.
const maxCallbackQuery = 8192

// forwardReserved is the way for web servers that pass the paths below /.concord straight on. It never answers 2xx and knows no
// other path, so that a mistake in a configuration opens nothing.
func (s *Server) forwardReserved(c *call) error {
	f, err := s.forwarded(c)
	if err != nil {
		return err
	}
	if !f.reserved() {
		return fault.New(fault.Forbidden, "not_reserved", "Only paths below /.concord are answered here; ask %s about others.", forwardPath)
	}
	return s.asAgent(f.agent, func() error { return s.answerReserved(c, f) })
}

func (s *Server) answerReserved(c *call, f *forwarded) error {
	switch f.resource.Path {
	case reservedPath + "/callback":
		return s.forwardCallback(c, f)
	case reservedPath + "/logout":
		return s.forwardLogout(c, f)
	}
	return fault.New(fault.NotFound, "not_found", "There is no page at this address.")
}

// forwardCallback ends a sign-in in two steps, because an answer carries one cookie: first the agent's cookie for the code, then the
// flow cookie's end and the way back.
func (s *Server) forwardCallback(c *call, f *forwarded) error {
	if f.method != http.MethodGet {
		return wrongMethod(c, http.MethodGet)
	}
	code, state, err := callbackQuery(f.resource.Query)
	if err != nil {
		return s.refuseSignIn(c, f, err)
	}
	in := session.RedeemInput{Scheme: f.scheme, Host: f.host, Code: code, State: state, FlowCookies: s.flows(f)}
	if code == "" {
		return s.forwardReturn(c, f, in)
	}
	r, err := s.c.Sessions.Redeem(s.traced(c, f.agent.Name), f.agent, in)
	if err != nil {
		return s.refuseSignIn(c, f, err)
	}
	if r.Session == nil { // the person has to sign in again, where they wanted to go
		return seeOther(c, r.Location, r.SetCookies)
	}
	return seeOther(c, f.origin()+reservedPath+"/callback?"+url.Values{"state": {state}}.Encode(), s.agentCookie(f, r.SetCookies))
}

func (s *Server) forwardReturn(c *call, f *forwarded, in session.RedeemInput) error {
	location, forget, err := s.c.Sessions.Return(f.agent, in)
	if err != nil {
		return s.refuseSignIn(c, f, err)
	}
	return seeOther(c, location, []string{forget})
}

// agentCookie finds the one cookie that has to be set now.
func (s *Server) agentCookie(f *forwarded, setCookies []string) []string {
	name := session.AgentCookieName(f.agent.Name, s.c.Sessions.SecureCookies(f.scheme)) + "="
	for _, v := range setCookies {
		if strings.HasPrefix(v, name) {
			return []string{v}
		}
	}
	return nil
}

// refuseSignIn tells a person that a sign-in came to nothing; what is our own trouble stays an error.
func (s *Server) refuseSignIn(c *call, f *forwarded, err error) error {
	if !fault.Is(err, fault.Forbidden) && !fault.Is(err, fault.Invalid) {
		return err
	}
	c.logger().Info("sign-in not completed", "agent", f.agent.Name, "code", fault.CodeOf(err))
	why := fault.New(fault.Forbidden, "sign_in_not_completed",
		"The sign-in was not completed: it took too long, or was started in another window. Open the application again; if you are still signed in, you will not be asked for your password.")
	if was, ok := errors.AsType[*fault.Error](err); ok {
		why.Hint = was.Hint
	}
	return s.refuseForwarded(c, f, why)
}

// callbackQuery wants state exactly once and code at most once: of two, one was added (SEC-28).
func callbackQuery(query string) (code, state string, err error) {
	bad := fault.New(fault.Invalid, "invalid_query", "The address of this page is not complete, or was changed on its way.")
	v, parse := url.ParseQuery(query)
	if parse != nil || len(query) > maxCallbackQuery || len(v["code"]) > 1 || len(v["state"]) != 1 || len(v["code"]) == 1 && v.Get("code") == "" {
		return "", "", bad
	}
	return v.Get("code"), v.Get("state"), nil
}

// forwardLogout signs out everywhere when a page of this host posts to it; a link alone signs nobody out and leads to the
// question at the sign-in host (SEC-15).
func (s *Server) forwardLogout(c *call, f *forwarded) error {
	switch {
	case f.method == http.MethodGet:
		return seeOther(c, s.c.Sessions.SignInURL()+"/logout", nil)
	case f.method != http.MethodPost:
		return wrongMethod(c, http.MethodGet, http.MethodPost)
	case !browser.SameOrigin(c.Request.Header, f.origin()):
		return fault.New(fault.Forbidden, "cross_origin", "The request to sign out came from another site, so nothing was done.")
	}
	cookie := s.authorizeRequest(f).Cookie
	if cookie == "" {
		return seeOther(c, s.c.Sessions.SignInURL()+"/signed-out", nil)
	}
	r, err := s.c.Sessions.SignOutAgent(s.traced(c, f.agent.Name), f.agent, cookie)
	if err != nil {
		return err
	}
	return seeOther(c, s.c.Sessions.SignInURL()+"/signed-out", r.SetCookies)
}

func seeOther(c *call, location string, setCookies []string) error {
	setOne(c.Writer.Header(), setCookies)
	c.Header("Cache-Control", "no-store")
	c.Header("Referrer-Policy", "no-referrer")
	c.Header("Location", location)
	c.Status(http.StatusSeeOther)
	return nil
}

func wrongMethod(c *call, methods ...string) error {
	c.Header("Allow", strings.Join(methods, ", "))
	return statusError{fault.New(fault.Invalid, "method_not_allowed", "This address takes %s only.", strings.Join(methods, " and ")), http.StatusMethodNotAllowed}
}
