package httpapi

import (
	"cmp"
	"io"
	"net/http"
	"strings"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/console"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session"
)

// loginPage sends on whoever has a session that is good enough, and asks everybody else for the first proof of the scheme.
func (s *Server) loginPage(c *call) error {
	text, err := once(c.Request.URL.Query(), "request")
	if err != nil {
		return err
	}
	request, err := s.openRequest(text)
	if err != nil {
		return err
	}
	cookie, _ := s.signInCookie(c)
	found, err := s.c.Sessions.VisitWith(s.traced(c, ""), cookie, s.inactivityCookie(c))
	if err != nil {
		return err
	}
	if found.Session != nil && (request == nil || found.Session.LevelIn(request.Domain) >= request.Level) {
		return s.sendOn(c, found, request)
	}
	scheme, err := s.schemeOf(c, request)
	if err != nil {
		return err
	}
	d := console.Login{Request: text, Package: packageName(c.Query("package")), To: destination(c.Query("to"))}
	if found.Session != nil {
		d.StepUp, d.User = true, found.Session.User
	}
	return s.askStep(c, request, scheme, session.Progress{}, d)
}

// openRequest gives nil for no request.
func (s *Server) openRequest(text string) (*session.Request, error) {
	if text == "" {
		return nil, nil
	}
	r, err := s.c.Sessions.OpenRequest(text)
	return &r, err
}

// schemeOf is how the person signs in: as the application asks, or by the built-in scheme. What cannot lead to the application
// is said before anybody types anything.
func (s *Server) schemeOf(c *call, request *session.Request) (*mdc.AuthenticationScheme, error) {
	name, level, domain := "", 0, ""
	if request != nil {
		name, level, domain = request.Authentication, request.Level, request.Domain
	}
	scheme, err := s.c.Model.Scheme(c.Request.Context(), name)
	switch {
	case err != nil:
		return nil, err
	case scheme == nil:
		return nil, fault.New(fault.Conflict, "scheme_gone", "The way to sign in that the application asks for is not set up any more. Go back to the application and try again.")
	case mdc.LevelIn(scheme.Level, scheme.SecurityDomain, domain) < level:
		return nil, fault.New(fault.Conflict, "level_not_possible", "The application asks for a stronger sign-in than this data center offers. Tell your administrator.")
	}
	for _, step := range scheme.Steps {
		if step.Method == mdc.MethodCertificate && c.Request.TLS == nil {
			return nil, fault.New(fault.Conflict, "certificate_not_possible", "The application asks for a certificate, which this page cannot see: it is reached without TLS of its own. Tell your administrator.")
		}
	}
	return scheme, nil
}

// sendOn takes a signed-in browser back to the application that sent it, or shows that it is signed in.
func (s *Server) sendOn(c *call, found session.Found, request *session.Request) error {
	if request == nil {
		s.setCookies(c, found.SetCookies)
		v := found.Session
		return s.page(c, http.StatusOK, func(p *console.Pages, w io.Writer) error {
			return p.SignedIn(w, console.SignedIn{Page: s.foot(c), User: v.User, SignedIn: v.AuthenticatedAt, ExpiresAt: v.ExpiresAt})
		})
	}
	back, err := s.wayBack(c, found, request)
	if err != nil {
		return err
	}
	s.setCookies(c, found.SetCookies)
	c.Header("Cache-Control", "no-store")
	c.Header("Referrer-Policy", "no-referrer")
	c.Redirect(http.StatusSeeOther, back)
	return nil
}

// wayBack is the agent's callback with a code; for a request that has expired meanwhile, the page that the person wanted.
func (s *Server) wayBack(c *call, found session.Found, request *session.Request) (string, error) {
	a, err := s.c.Model.Agent(c.Request.Context(), request.Agent)
	if err != nil {
		return "", err
	}
	if a == nil {
		return "", fault.New(fault.Forbidden, "not_for_this_agent", "The application that you came from is not registered here any more.")
	}
	if request.Expired {
		return request.Again(a), nil
	}
	return s.c.Sessions.IssueCode(found, a, *request)
}

// askStep shows the form of the scheme's next step; d says what it was filled with before and where the person goes next. Its
// Error is a phrase's key.
func (s *Server) askStep(c *call, request *session.Request, scheme *mdc.AuthenticationScheme, p session.Progress, d console.Login) error {
	cookie, _ := onlyCookie(c, session.FormCookieName(s.secureSignIn()))
	form, err := s.c.Sessions.BeginFormOf(cookie)
	if err != nil {
		return err
	}
	s.setCookies(c, form.SetCookies)
	d.Page, d.Token, d.Method = s.foot(c), form.Token, scheme.Steps[p.Done].Method
	d.Step, d.Steps = p.Done+1, len(scheme.Steps)
	if p.Done > 0 {
		d.User, d.Fixed = p.User, true
		if d.Progress, err = s.c.Sessions.SealProgress(p, form.Cookie); err != nil {
			return err
		}
	}
	if d.Error != "" {
		d.Error = d.Say(d.Error)
	}
	if request != nil {
		_, d.Application, _ = strings.Cut(request.Origin, "://")
	}
	if t := c.Request.TLS; d.Method == mdc.MethodCertificate && (t == nil || len(t.PeerCertificates) == 0) {
		c.Header("Connection", "close") // the browser chooses a certificate at its next connection
	}
	return s.page(c, http.StatusOK, func(pages *console.Pages, w io.Writer) error { return pages.Login(w, d) })
}

// loginForm takes the form of one step. What is refused shows it again with a sentence; the last step signs in.
func (s *Server) loginForm(c *call) error {
	form, err := s.form(c, "request", "package", "to", "token", "user", "password", "progress")
	if form != nil { // also where only its token was too old: the way to the page that the person wanted is kept
		c.Set(againKey, loginAgain(form))
	}
	if err != nil {
		return err
	}
	request, err := s.openRequest(form["request"])
	if err != nil {
		return err
	}
	scheme, err := s.schemeOf(c, request)
	if err != nil {
		return err
	}
	d := console.Login{Request: form["request"], Package: packageName(form["package"]), To: destination(form["to"]), User: form["user"]}
	p, err := s.progress(c, form["progress"], scheme)
	if fault.CodeOf(err) == "steps_expired" {
		d.Error = "login.restart"
		return s.askStep(c, request, scheme, session.Progress{}, d)
	}
	if err != nil {
		return err
	}
	person, err := s.prove(c, scheme.Steps[p.Done], &p, form)
	if err != nil {
		s.noteSignIn(c, cmp.Or(p.User, form["user"]), err)
	}
	if wrong := whyWrong(err); wrong != "" {
		if d.Error = wrong; p.Done > 0 && !p.Refused() {
			p, d.Error = session.Progress{}, "login.too_many_steps"
		}
		return s.askStep(c, request, scheme, p, d)
	}
	if err != nil {
		return err
	}
	if p.Done++; p.Done < len(scheme.Steps) {
		s.notePassed(c, p.User, scheme.Name, p.Done, len(scheme.Steps), scheme.Steps[p.Done-1].Method)
		return s.askStep(c, request, scheme, p, d)
	}
	return s.signInHere(c, request, scheme, p, person, form)
}

// signInHere makes the sign-on after the last step and sends the browser on.
func (s *Server) signInHere(c *call, request *session.Request, scheme *mdc.AuthenticationScheme, p session.Progress, person session.Person, form map[string]string) error {
	if len(scheme.Steps) > 1 { // the first step's store says who it is, now: minutes may have passed
		var found bool
		var err error
		if person, found, err = s.c.Directory.User(s.traced(c, ""), p.Store, p.User); err != nil {
			return err
		}
		if !found {
			person.Enabled = false
		}
	}
	prior, _ := s.signInCookie(c)
	found, err := s.signOn(c, person, p, scheme, prior)
	if err != nil {
		return err
	}
	if request == nil {
		c.Redirect(http.StatusSeeOther, afterSignIn(form))
		return nil
	}
	found.SetCookies = nil // signOn has set them
	return s.sendOn(c, found, request)
}
