package httpapi

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/console"
	"github.com/concord-access/terraform-provider-concord/server/identity"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session"
)

const (
	passwordPath = "/account/password"
	toPassword   = "password" // value of the sign-in form's field "to"
	doneChanged  = "changed"
)

// passwordRoutes are the page on which people change their password.
func (s *Server) passwordRoutes() []route {
	return []route{
		{method: http.MethodGet, path: passwordPath, summary: "Where a person changes the password", public: true, hidden: true, also: map[int]any{http.StatusSeeOther: nil}, among: signIns, handle: s.passwordPage},
		{method: http.MethodPost, path: passwordPath, summary: "Change one's own password; ends every sign-on but this browser's", public: true, hidden: true, status: http.StatusSeeOther, also: map[int]any{http.StatusOK: nil}, among: signIns, ahead: maxForm, handle: s.passwordForm},
	}
}

func (s *Server) passwordPage(c *call) error {
	found, ok, err := s.visitor(c, toPassword)
	if err != nil || !ok {
		return err
	}
	return s.askNewPassword(c, found, console.Password{})
}

// askNewPassword shows the form; d says what was wrong the last time, as a sentence.
func (s *Server) askNewPassword(c *call, found session.Found, d console.Password) error {
	form, _ := onlyCookie(c, session.FormCookieName(s.secureSignIn()))
	token, cookies, err := s.c.Sessions.BeginForm(form)
	if err != nil {
		return err
	}
	policy, err := s.c.Passwords.Policy(c.Request.Context())
	if err != nil {
		return err
	}
	s.setCookies(c, append(cookies, found.SetCookies...))
	v := found.Session
	d.Page, d.User, d.Token, d.Foreign, d.Least = s.foot(c), v.User, token, v.Store != mdc.LocalStore, policy.MinLength
	if d.Error != "" {
		d.Error = d.Say(d.Error, strconv.Itoa(policy.MinLength))
	}
	return s.page(c, http.StatusOK, func(p *console.Pages, w io.Writer) error { return p.Password(w, d) })
}

// passwordForm changes the password. Every sign-on of the person ends with the old one; this browser gets a new one (SEC-01).
func (s *Server) passwordForm(c *call) error {
	form, err := s.form(c, "token", "user", "current", "new", "repeat")
	if err != nil {
		return err
	}
	found, ok, err := s.visitor(c, toPassword)
	if err != nil || !ok {
		return err
	}
	v := found.Session
	if v.Store != mdc.LocalStore {
		return s.askNewPassword(c, found, console.Password{})
	}
	if why := contradiction(form); why != "" {
		return s.askNewPassword(c, found, console.Password{Error: why, AtNew: true})
	}
	err = s.c.Passwords.Change(c.Request.Context(), s.attempt(c, mdc.LocalStore, v.User, form["current"]), form["new"])
	if why, atNew := whyKept(err); why != "" {
		return s.askNewPassword(c, found, console.Password{Error: why, AtNew: atNew})
	}
	if err != nil {
		return err
	}
	c.Header("Cache-Control", "no-store")
	// A clone may not have the change yet: then the person signs in once more, which proves the new password to them too.
	next := accountPath + "?done=" + doneChanged
	if _, err := s.signIn(c, s.attempt(c, mdc.LocalStore, v.User, form["new"]), ""); err != nil {
		next = "/login?to=" + toSessions
	}
	c.Redirect(http.StatusSeeOther, next)
	return nil
}

// contradiction is the phrase for a form that cannot be meant so.
func contradiction(form map[string]string) string {
	switch {
	case form["new"] != form["repeat"]:
		return "password.differ"
	case form["new"] == form["current"]:
		return "password.same"
	case form["new"] == "":
		return "password.short"
	}
	return ""
}

// whyKept is the phrase for a password that was not changed; "" when it was, or for what is no matter of the form.
func whyKept(err error) (phrase string, atNew bool) {
	f, ok := errors.AsType[*fault.Error](err)
	switch {
	case !ok:
		return "", false
	case errors.Is(err, identity.TooManyChecks):
		return "login.too_many", false
	case f.Kind == fault.Unauthenticated:
		return "password.wrong", false
	case f.Kind == fault.Invalid && len(f.Fields) > 0 && strings.Contains(f.Fields[0].Detail, "shorter"):
		return "password.short", true
	case f.Kind == fault.Invalid:
		return "password.weak", true
	}
	return "", false
}
