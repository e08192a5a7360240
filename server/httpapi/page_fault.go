package httpapi

import (
	"io"
	"net/http"
	"net/url"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/console"
)

// againKey holds where a person repeats what could not be done; without it that is the page's own address.
const againKey = "concord.again"

// failPage shows a fault to a person, in their language, with the one next step that fits.
func (s *Server) failPage(c *call, status int, f *fault.Error, requestID string) {
	d := console.Error{Page: s.foot(c), RequestID: requestID}
	d.Sentence = d.Text.Fault(f.Code, client.KindName(f.Kind))
	s.nextStep(c, &d, f)
	if err := s.page(c, status, func(p *console.Pages, w io.Writer) error { return p.Error(w, d) }); err != nil {
		c.logger().Error("error page failed", "error", err)
		c.Status(http.StatusInternalServerError)
	}
	c.Abort()
}

func (s *Server) nextStep(c *call, d *console.Error, f *fault.Error) {
	title, what := "error.title", ""
	d.Link, d.LinkText = "/login", d.Say("error.sign_in")
	if cookie, ok := s.signInCookie(c); ok && s.c.Sessions.HasSession(c.Request.Context(), cookie) {
		d.LinkText = d.Say("error.account")
	}
	switch {
	case f.Code == codeNoPackage:
		title, what = "error.not_for_you", "error.ask_sender"
	case f.Code == "form_expired":
		title, d.Link, d.LinkText = "error.not_accepted", again(c), d.Say("error.try_again")
	case f.Kind == fault.Forbidden:
		title, what = "error.not_accepted", "error.start_again"
	case f.Kind == fault.Unavailable:
		title, what = "error.try_again_title", "error.wait"
		d.Link, d.LinkText = again(c), d.Say("error.try_again")
	case f.Kind == fault.NotFound:
		title = "error.no_page"
	case f.Kind == fault.Internal:
		what = "error.tell_operators"
	}
	d.Title = d.Say(title)
	if what != "" {
		d.WhatToDo = d.Say(what)
	}
}

// again is a path of this host: where the form was filled in, or the page itself.
func again(c *call) string {
	if at := c.GetString(againKey); at != "" {
		return at
	}
	return (&url.URL{Path: c.Request.URL.Path, RawQuery: c.Request.URL.RawQuery}).String()
}

// loginAgain is the sign-in page with what the form said about where the person goes.
func loginAgain(form map[string]string) string {
	q := url.Values{}
	for _, name := range []string{"request", "package", "to"} {
		if form[name] != "" {
			q.Set(name, form[name])
		}
	}
	if len(q) == 0 {
		return "/login"
	}
	return "/login?" + q.Encode()
}

// destination lets through the pages of this host that a sign-in may lead to, by name and never by address (SEC-27).
func destination(to string) string {
	if to == toSessions || to == toPassword {
		return to
	}
	return ""
}
