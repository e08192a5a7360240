package httpapi

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/console"
	"github.com/concord-access/terraform-provider-concord/server/session"
)

// maxForm is the largest form, in bytes: a request, a token, a name and a password.
const maxForm = 16 << 10

// maxProgram is the same for what a program sends in JSON.
const maxProgram = 64 << 10

const serverKey = "concord.server"

// pageErrors lets a failing page be shown as a page.
func (s *Server) pageErrors(g *gin.Context) { g.Set(serverKey, s) }

// pagePolicy lets a page load its own style sheet and pictures, and nothing else.
const pagePolicy = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'"

func (s *Server) page(c *call, status int, render func(*console.Pages, io.Writer) error) error {
	return s.pageUnder(c, status, s.pages.Load(), pagePolicy, render)
}

// pageUnder writes a rendered page with the headers that every page needs (SEC-13, STD-07).
func (s *Server) pageUnder(c *call, status int, p *console.Pages, policy string, render func(*console.Pages, io.Writer) error) error {
	var b bytes.Buffer
	if err := render(p, &b); err != nil {
		return err
	}
	h := c.Writer.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	if c.Request.TLS != nil {
		h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
	}
	c.Data(status, "text/html; charset=utf-8", b.Bytes())
	return nil
}

func (s *Server) foot(c *call) console.Page {
	name := s.c.ClusterID
	if d, err := s.c.Model.DataCenter(c.Request.Context()); err == nil && d.DisplayName != "" {
		name = d.DisplayName
	}
	c.Writer.Header().Add("Vary", "Accept-Language")
	text := s.pages.Load().Text(strings.Join(c.Request.Header.Values("Accept-Language"), ","))
	c.Header("Content-Language", text.Lang())
	return console.Page{Text: text, DataCenter: name}
}

func (s *Server) logoutPage(c *call) error {
	cookie, _ := s.signInCookie(c)
	found, err := s.c.Sessions.VisitWith(s.traced(c, ""), cookie, s.inactivityCookie(c))
	if err != nil {
		return err
	}
	d := console.Logout{Page: s.foot(c)}
	if found.Session != nil {
		form, _ := onlyCookie(c, session.FormCookieName(s.secureSignIn()))
		token, cookies, err := s.c.Sessions.BeginForm(form)
		if err != nil {
			return err
		}
		s.setCookies(c, append(cookies, found.SetCookies...))
		d.User, d.Token = found.Session.User, token
	}
	return s.page(c, http.StatusOK, func(p *console.Pages, w io.Writer) error { return p.Logout(w, d) })
}

func (s *Server) logoutForm(c *call) error {
	if _, err := s.form(c, "token"); err != nil {
		return err
	}
	return s.signOutHere(c)
}

// signOutHere ends the sign-on of this browser everywhere and confirms.
func (s *Server) signOutHere(c *call) error {
	cookie, _ := s.signInCookie(c)
	r, err := s.c.Sessions.SignOut(s.traced(c, ""), cookie)
	if err != nil {
		return err
	}
	s.setCookies(c, r.SetCookies)
	return s.signedOut(c, r.DataCenters)
}

// signedOutPage is where agents send the browser after they have ended a sign-on. It changes nothing by itself.
func (s *Server) signedOutPage(c *call) error { return s.signedOut(c, nil) }

func (s *Server) signedOut(c *call, centers map[string]string) error {
	d := console.SignedOut{Page: s.foot(c)}
	for id, state := range centers {
		d.Receipts = append(d.Receipts, console.Receipt{DataCenter: id, Done: state == session.Acknowledged})
	}
	slices.SortFunc(d.Receipts, func(a, b console.Receipt) int {
		if a.DataCenter == s.c.ClusterID || b.DataCenter == s.c.ClusterID {
			return map[bool]int{true: -1, false: 1}[a.DataCenter == s.c.ClusterID]
		}
		return strings.Compare(a.DataCenter, b.DataCenter)
	})
	return s.page(c, http.StatusOK, func(p *console.Pages, w io.Writer) error { return p.SignedOut(w, d) })
}

func (s *Server) stylesheet(c *call) error {
	c.Header("Cache-Control", "public, max-age=3600")
	c.Data(http.StatusOK, "text/css; charset=utf-8", s.pages.Load().Stylesheet())
	return nil
}

// logo is somebody's file: it may not run anything where it is opened by itself.
func (s *Server) logo(c *call) error {
	b, mediaType, ok := s.pages.Load().Logo()
	if !ok {
		return fault.New(fault.NotFound, "not_found", "There is no page at this address.")
	}
	c.Header("Cache-Control", "public, max-age=3600")
	c.Header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
	c.Data(http.StatusOK, mediaType, b)
	return nil
}

func (s *Server) icon(c *call) error {
	c.Header("Cache-Control", "public, max-age=86400")
	c.Data(http.StatusOK, "image/svg+xml", s.pages.Load().Icon())
	return nil
}

// home is for who types the bare address.
func (s *Server) home(c *call) error {
	c.Redirect(http.StatusSeeOther, "/login")
	return nil
}

// form reads a form of ours: from this browser's own page, each field once, none unknown, the token right (SEC-15, SEC-28).
func (s *Server) form(c *call, fields ...string) (map[string]string, error) {
	if err := sameSite(c.Request); err != nil {
		return nil, err
	}
	b, err := c.formBody()
	if err != nil {
		return nil, err
	}
	values, err := url.ParseQuery(string(b))
	if err != nil {
		return nil, errForm()
	}
	out := map[string]string{}
	for name := range values {
		if !slices.Contains(fields, name) {
			return nil, errForm()
		}
	}
	for _, name := range fields {
		if out[name], err = once(values, name); err != nil || !utf8.ValidString(out[name]) {
			return nil, errForm()
		}
	}
	cookie, _ := onlyCookie(c, session.FormCookieName(s.secureSignIn()))
	return out, s.c.Sessions.CheckForm(out["token"], cookie)
}

// sameSite refuses what another site made the browser send (SEC-15).
func sameSite(r *http.Request) error {
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		return &fault.Error{Kind: fault.Forbidden, Code: "cross_origin", Message: "This request came from another site.", Err: err}
	}
	return nil
}

func errForm() error {
	return fault.New(fault.Invalid, "invalid_form", "The form could not be read. Open the page again and repeat.")
}

// once gives a value that was sent at most once.
func once(values url.Values, name string) (string, error) {
	v := values[name]
	if len(v) > 1 {
		return "", fault.New(fault.Invalid, "repeated_parameter", "The parameter %q was sent twice.", name)
	}
	if len(v) == 0 {
		return "", nil
	}
	return v[0], nil
}
