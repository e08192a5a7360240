package httpapi

import (
	"cmp"

	"github.com/concord-access/terraform-provider-concord/internal/browser"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session"
)

// authenticate signs a program in: every step of the scheme with what one request carries.
func (s *Server) authenticate(c *call) error {
	if err := sameSite(c.Request); err != nil {
		return err
	}
	var in wire.AuthenticateRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	scheme, err := s.schemeForProgram(c, &in)
	if err != nil {
		return err
	}
	if err := s.credentials(c, &in); err != nil {
		return s.refuseProgram(c, scheme, err)
	}
	p, person, err := session.Progress{}, session.Person{}, error(nil)
	for _, step := range scheme.Steps {
		proved, err := s.prove(c, step, &p, map[string]string{"user": in.User, "password": in.Password})
		if err != nil {
			s.noteSignIn(c, cmp.Or(p.User, in.User), err)
			return s.refuseProgram(c, scheme, err)
		}
		if p.Done++; p.Done == 1 {
			person = proved
		}
	}
	prior, _ := s.signInCookie(c)
	found, err := s.signOn(c, person, p, scheme, prior)
	if err != nil {
		return err
	}
	v := found.Session
	return c.answer(wire.AuthenticateAnswer{User: v.User, SessionID: string(v.ID), SSOID: string(v.SSOID), Level: v.Level, ExpiresAt: v.ExpiresAt})
}

// schemeForProgram refuses what one request cannot pass: two passwords of two stores.
func (s *Server) schemeForProgram(c *call, in *wire.AuthenticateRequest) (*mdc.AuthenticationScheme, error) {
	scheme, err := s.c.Model.Scheme(c.Request.Context(), in.Scheme)
	if err != nil {
		return nil, err
	}
	refuse := func(pointer, detail string) error {
		return fault.InvalidFields("The sign-in cannot be accepted.", []fault.Field{{Pointer: pointer, Detail: detail}})
	}
	switch {
	case scheme == nil:
		return nil, refuse("/scheme", "names no authentication scheme that is here")
	case in.IdentityStore != "" && scheme.Name != mdc.SchemePassword:
		return nil, refuse("/identity_store", "goes with the scheme password; the steps of any other say whose people may pass")
	case in.IdentityStore != "":
		scheme.Steps[0].IdentityStore = in.IdentityStore // of a scheme that was made for this call
	}
	passwords := 0
	for _, m := range scheme.Methods() {
		if m != mdc.MethodCertificate {
			passwords++
		}
	}
	if passwords > 1 {
		return nil, refuse("/scheme", "asks for passwords of two identity stores, which one request cannot give; sign in with a browser")
	}
	return scheme, nil
}

// credentials takes user and password from the header, if it is there: of two sources one could contradict the other.
func (s *Server) credentials(c *call, in *wire.AuthenticateRequest) error {
	sent := c.Request.Header.Values("Authorization")
	if len(sent) == 0 {
		return nil
	}
	user, password, ok := readBasic(sent[0])
	switch {
	case len(sent) > 1 || in.User != "" || in.Password != "":
		return fault.New(fault.Invalid, "contradiction", "Give user and password once: in the body, or by HTTP Basic.")
	case !ok:
		return fault.New(fault.Unauthenticated, "wrong_credentials", "Authorization is not HTTP Basic with a user name and a password in UTF-8.")
	}
	in.User, in.Password = user, password
	return nil
}

// refuseProgram offers HTTP Basic where the scheme is that, to whoever is no page in a browser, which would ask for a password in a window
// of its own.
func (s *Server) refuseProgram(c *call, scheme *mdc.AuthenticationScheme, err error) error {
	if fault.Is(err, fault.Unauthenticated) && scheme.ForPrograms() && !browser.IsBrowser(c.Request.Header) {
		c.Header("WWW-Authenticate", basicChallenge(scheme.Name))
	}
	return err
}
