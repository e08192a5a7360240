package httpapi

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"net/http"

	"github.com/concord-access/terraform-provider-concord/internal/browser"
	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/console"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// forwardRoutes are for web servers that ask about each request themselves (docs/forward-auth.md). Every answer but an
// allow is what the browser is to get, and none has more than one Set-Cookie, since nginx passes on one only. They authenticate
// callers by headers of their own: HTTP Basic could be the browser's.
func (s *Server) forwardRoutes() []route {
	const envoy = extAuthzPath + "/{target...}"
	out := []route{
		{method: http.MethodGet, path: forwardPath, summary: "Decide on a request that a web server describes in headers", public: true, status: http.StatusOK, query: []string{"status"},
			also: map[int]any{http.StatusFound: nil, http.StatusSeeOther: nil}, among: inside, handle: s.forwardAuth},
		{method: http.MethodGet, path: forwardPath + "/callback", summary: "The paths below /.concord of an agent's host", public: true, status: http.StatusSeeOther, among: inside, handle: s.forwardReserved},
	}
	for _, method := range mdc.Methods() {
		if method != http.MethodHead { // comes with GET
			out = append(out, route{method: method, path: envoy, summary: "Decide on a request that Envoy's ext_authz repeats", public: true,
				also: map[int]any{http.StatusFound: nil, http.StatusSeeOther: nil}, among: inside, handle: s.forwardExtAuthz})
		}
	}
	return out
}

func (s *Server) forwardAuth(c *call) error {
	in401, err := refusesIn401(c)
	if err != nil {
		return err
	}
	f, err := s.forwarded(c)
	if err != nil {
		return err
	}
	return s.asAgent(f.agent, func() error { return s.forward(c, f, in401) })
}

func (s *Server) forwardExtAuthz(c *call) error {
	f, err := s.extAuthz(c)
	if err != nil {
		return err
	}
	return s.asAgent(f.agent, func() error { return s.forward(c, f, false) })
}

// forward decides and answers. Paths of Concord's own never get a 2xx, which would send them on to the application.
func (s *Server) forward(c *call, f *forwarded, in401 bool) error {
	if f.reserved() {
		return s.answerReserved(c, f)
	}
	in := s.authorizeRequest(f)
	out, err := s.decide(c.Request.Context(), inquiry{agent: f.agent, in: in, requestID: c.GetString(requestIDKey), introduce: s.introduce(f.agent)})
	if err != nil {
		return err
	}
	s.decided(c, f.agent, in, &out)
	switch out.Decision {
	case wire.DecisionAllow:
		return s.forwardAllow(c, f, out)
	case wire.DecisionChallenge:
		return s.forwardChallenge(c, f, out, in401)
	}
	c.logger().Info("request denied", "agent", f.agent.Name, "user", out.User, "method", f.method, "host", f.host, "path", f.resource.Path, "reason", out.Reason)
	return s.refuseForwarded(c, f, denied(out.User != ""))
}

// forwardAllow names the person in headers, all of them, so that copying them replaces what a browser sent under those names
// also where nobody is signed in. Cookie holds what is left of the browser's cookies without Concord's,
// Authorization what was sent unless it was for Concord to read.
func (s *Server) forwardAllow(c *call, f *forwarded, out wire.AuthorizeAnswer) error {
	h := c.Writer.Header()
	for _, name := range wire.IdentityHeaders() {
		h.Set(name, out.Headers[name])
	}
	for name, value := range out.Headers { // those of policies among them
		h.Set(name, value)
	}
	h.Set("Cookie", browser.Foreign(f.cookies))
	h.Set("Authorization", "")
	if sent := c.Request.Header.Values("Authorization"); len(sent) == 1 && !out.CredentialsUsed {
		h.Set("Authorization", sent[0])
	}
	setOne(h, out.SetCookies)
	h.Set("Cache-Control", "no-store")
	c.Status(http.StatusOK)
	return nil
}

// forwardChallenge sends a person to the sign-in page and tells a program that nobody is signed in.
func (s *Server) forwardChallenge(c *call, f *forwarded, out wire.AuthorizeAnswer, in401 bool) error {
	if out.Reason == "too_many_sign_ins" { // one less each time the browser comes back, since one answer clears one cookie
		out.Location, out.SetCookies = f.origin()+f.target, []string{browser.Forget(s.flows(f)[0], f.scheme)}
	}
	if out.Location != "" && f.navigation {
		setOne(c.Writer.Header(), out.SetCookies)
		c.Header("Cache-Control", "no-store")
		c.Header("Referrer-Policy", "no-referrer") // a request stands in the address
		c.Header("Location", out.Location)
		if !in401 {
			c.Status(http.StatusFound)
			return nil
		}
	}
	c.Header("WWW-Authenticate", `Concord realm="`+f.agent.Name+`"`)
	if out.WWWAuthenticate != "" && !browser.IsBrowser(c.Request.Header) {
		c.Header("WWW-Authenticate", out.WWWAuthenticate)
	}
	c.problem(http.StatusUnauthorized, fault.New(fault.Unauthenticated, "not_signed_in", "Nobody is signed in, or the session has ended. Open the page in a browser to sign in."))
	return nil
}

// denied does not say more than who asks may know.
func denied(signedIn bool) *fault.Error {
	if signedIn {
		return fault.New(fault.Forbidden, "denied_signed_in", "You are signed in, but this page is not open to you. If you need it, ask your administrator.")
	}
	return fault.New(fault.Forbidden, "denied", "This page is not open. If you need it, ask your administrator.")
}

// refuseForwarded shows a person a page and a program a problem document.
func (s *Server) refuseForwarded(c *call, f *forwarded, why *fault.Error) error {
	if !f.navigation {
		return why
	}
	d := console.Error{Page: s.foot(c), RequestID: c.GetString(requestIDKey)}
	d.Title, d.Sentence = d.Say("error.not_open"), d.Text.Fault(why.Code, client.KindName(why.Kind))
	if why.Code == "sign_in_not_completed" {
		d.Title, d.Link, d.LinkText = d.Say("error.title"), cmp.Or(why.Hint, f.origin()+"/"), d.Say("error.application")
	}
	return s.elsewhere(c, http.StatusForbidden, &d.Page, func(p *console.Pages, w io.Writer) error { return p.Error(w, d) })
}

// elsewhere writes a page for an application's host, where the files of the sign-in host cannot be loaded: its style is inside.
func (s *Server) elsewhere(c *call, status int, p *console.Page, render func(*console.Pages, io.Writer) error) error {
	p.Inside = true
	pages := s.pages.Load() // of one reading: the policy is that of the style inside
	return s.pageUnder(c, status, pages, insidePolicy(pages.Stylesheet()), render)
}

// insidePolicy allows exactly the style that a page carries inside.
func insidePolicy(css []byte) string {
	sum := sha256.Sum256(css)
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; img-src data:; base-uri 'none'; frame-ancestors 'none'"
}

// setOne keeps the promise of one cookie an answer.
func setOne(h http.Header, cookies []string) {
	if len(cookies) > 0 {
		h.Set("Set-Cookie", cookies[0])
	}
}

// forbidden is err as a refusal, in the one status that every web server passes on.
func forbidden(err error) error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return err
	}
	return fault.New(fault.Forbidden, f.Code, "%s", f.Message)
}
