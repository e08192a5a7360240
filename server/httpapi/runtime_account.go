package httpapi

import (
	"io"
	"net/http"
	"strings"

	"github.com/concord-access/terraform-provider-concord/server/console"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session"
)

const (
	accountPath = "/account/sessions"
	toSessions  = "sessions" // value of the sign-in form's field "to"
)

// What the page of sign-ons says of the last click: values of its parameter "done", each with its phrase.
const (
	doneEnded = "ended"
	doneLater = "ended_later" // some data centers cannot be reached
	doneGone  = "gone"
)

// accountRoutes are a person's own pages.
func (s *Server) accountRoutes() []route {
	return []route{
		{method: http.MethodGet, path: accountPath, summary: "A person's own sign-ons", public: true, hidden: true, query: []string{"done"}, also: map[int]any{http.StatusSeeOther: nil}, among: signIns, handle: s.accountPage},
		{method: http.MethodPost, path: accountPath, summary: "End one of one's own sign-ons, or all others", public: true, hidden: true, status: http.StatusSeeOther, also: map[int]any{http.StatusOK: nil}, among: signIns, ahead: maxForm, handle: s.accountForm},
	}
}

// visitor is the person of the browser's sign-in cookie; without one the browser is on its way to the sign-in page.
func (s *Server) visitor(c *call, to string) (found session.Found, ok bool, err error) {
	cookie, _ := s.signInCookie(c)
	if found, err = s.c.Sessions.VisitWith(s.traced(c, ""), cookie, s.inactivityCookie(c)); err != nil || found.Session != nil {
		return found, err == nil, err
	}
	c.Header("Cache-Control", "no-store")
	c.Redirect(http.StatusSeeOther, "/login?to="+to)
	return found, false, nil
}

func (s *Server) accountPage(c *call) error {
	found, ok, err := s.visitor(c, toSessions)
	if err != nil || !ok {
		return err
	}
	v := found.Session
	list, err := s.c.Sessions.SignOnsEverywhere(c.Request.Context(), s.c.Sisters, v.Store, v.User)
	if err != nil {
		return err
	}
	form, _ := onlyCookie(c, session.FormCookieName(s.secureSignIn()))
	token, cookies, err := s.c.Sessions.BeginForm(form)
	if err != nil {
		return err
	}
	s.setCookies(c, append(cookies, found.SetCookies...))
	d := console.Sessions{Page: s.foot(c), User: v.User, Token: token, Silent: list.Silent, More: list.More}
	if done := c.Query("done"); done == doneEnded || done == doneLater || done == doneGone || done == doneChanged {
		d.Notice = d.Say(phraseOfDone(done))
	}
	for _, o := range list.All {
		d.SignOns = append(d.SignOns, console.SignOn{ID: string(o.SSOID), This: o.SSOID == v.SSOID, Address: o.ClientAddress, SignedIn: o.AuthenticatedAt,
			LastUsed: o.LastAccess, DataCenters: strings.Join(o.DataCenters, ", ")})
	}
	return s.page(c, http.StatusOK, func(p *console.Pages, w io.Writer) error { return p.Sessions(w, d) })
}

// accountForm ends one of the person's own sign-ons, or all but this browser's. Ending this browser's is signing out.
func (s *Server) accountForm(c *call) error {
	form, err := s.form(c, "token", "sso", "others")
	if err != nil {
		return err
	}
	if (form["sso"] == "") == (form["others"] == "") {
		return errForm()
	}
	found, ok, err := s.visitor(c, toSessions)
	if err != nil || !ok {
		return err
	}
	v := found.Session
	if mdc.SSOID(form["sso"]) == v.SSOID {
		return s.signOutHere(c)
	}
	r, ended, err := s.c.Sessions.EndSignOns(s.traced(c, ""), s.c.Sisters, v.Store, v.User, func(o session.SignOn) bool {
		return o.SSOID != v.SSOID && (form["others"] != "" || o.SSOID == mdc.SSOID(form["sso"]))
	})
	if err != nil {
		return err
	}
	s.setCookies(c, found.SetCookies)
	c.Header("Cache-Control", "no-store")
	c.Redirect(http.StatusSeeOther, accountPath+"?done="+doneOf(r, ended))
	return nil
}

func phraseOfDone(done string) string {
	if done == doneChanged {
		return "password.changed"
	}
	return "sessions." + done
}

func doneOf(r session.Receipt, ended int) string {
	if ended == 0 {
		return doneGone
	}
	for _, state := range r.DataCenters {
		if state != session.Acknowledged {
			return doneLater
		}
	}
	return doneEnded
}
