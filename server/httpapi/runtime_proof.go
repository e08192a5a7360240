package httpapi

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"strings"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/identity"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session"
	"github.com/concord-access/terraform-provider-concord/server/trust"
)

// Codes of refused proofs, besides those of package trust and identity.
const (
	codeNoCertificate   = "no_certificate"
	codeUnknownPerson   = "certificate_of_nobody" // no active user of the store has the certificate's name
	codeDifferentPerson = "different_person"      // the step proves somebody else than the first
)

// progress is how far the steps before have come; a scheme that was changed since the first one is begun anew.
func (s *Server) progress(c *call, text string, scheme *mdc.AuthenticationScheme) (p session.Progress, err error) {
	sum, err := schemeSum(scheme)
	if err != nil || text == "" {
		return session.Progress{Scheme: sum}, err
	}
	cookie, _ := onlyCookie(c, session.FormCookieName(s.secureSignIn()))
	if p, err = s.c.Sessions.OpenProgress(c.Request.Context(), text, cookie); err != nil {
		return p, err
	}
	if p.Scheme != sum || p.Done >= len(scheme.Steps) {
		return session.Progress{}, fault.New(fault.Forbidden, "steps_expired", "The way to sign in has changed. Begin the sign-in again.")
	}
	return p, nil
}

func schemeSum(scheme *mdc.AuthenticationScheme) (sum [32]byte, err error) {
	b, err := mdc.Encode(scheme)
	return sha256.Sum256(b), err
}

// prove takes the proof of one step; the first one says who p is, and every other has to prove the same person.
func (s *Server) prove(c *call, step mdc.SchemeStep, p *session.Progress, form map[string]string) (session.Person, error) {
	store := step.IdentityStore
	if store == "" {
		store = mdc.LocalStore
	}
	user := strings.Trim(form["user"], " ")
	if p.Done > 0 {
		if user != "" && !mdc.SameName(user, p.User) { // before anything is looked at: whose password it is, is settled
			return session.Person{}, otherPerson()
		}
		user = p.User
	}
	var person session.Person
	var err error
	if step.Method == mdc.MethodCertificate {
		person, err = s.certifiedPerson(c, step.CertificateName, store, p)
	} else {
		person, err = s.passwordOf(c, s.attempt(c, step.IdentityStore, user, form["password"]))
	}
	switch {
	case err != nil:
		return session.Person{}, err
	case p.Done == 0:
		p.Store, p.User = store, person.Name
	case !mdc.SameName(p.User, person.Name):
		return session.Person{}, otherPerson()
	}
	return person, nil
}

func otherPerson() error {
	return fault.New(fault.Unauthenticated, codeDifferentPerson, "This proves somebody else than the step before. All steps have to be one person's.")
}

func (s *Server) passwordOf(c *call, t identity.Attempt) (session.Person, error) {
	p, err := s.c.Users.Authenticate(s.traced(c, ""), t)
	if err != nil {
		return session.Person{}, err
	}
	return session.Person{Name: p.Name, Groups: p.Groups, Attributes: p.Attributes, Enabled: true}, nil
}

// certifiedPerson is whose certificate the connection shows: the active user of exactly that name. Who is refused loses the
// connection, so that the next one shows another certificate.
func (s *Server) certifiedPerson(c *call, name, store string, p *session.Progress) (session.Person, error) {
	t := c.Request.TLS
	if t == nil || len(t.PeerCertificates) == 0 {
		c.Header("Connection", "close")
		return session.Person{}, fault.New(fault.Unauthenticated, codeNoCertificate, "The connection shows no client certificate.")
	}
	caller, err := s.c.Trust.VerifyPerson(t, name, s.c.RuntimeRoots())
	if err == nil {
		var person session.Person
		var found bool
		if person, found, err = s.c.Directory.User(s.traced(c, ""), store, caller.Name); err != nil {
			return session.Person{}, err
		}
		if found && person.Enabled {
			if name == "" || name == mdc.CertificateURI { // of other authorities Concord reads no list
				p.Certificate = session.Certificate{Issuer: caller.ClusterID, Serial: t.PeerCertificates[0].SerialNumber}
			}
			return person, nil
		}
		err = fault.New(fault.Unauthenticated, codeUnknownPerson, "The certificate is good, but no active user of this name can sign in here.")
	}
	c.Header("Connection", "close")
	c.logger().Warn("person's certificate refused", "code", fault.CodeOf(err), "fingerprint", mdc.Fingerprint(t.PeerCertificates[0]))
	s.c.Refused(listenerRuntime, t.PeerCertificates[0], err)
	return session.Person{}, err
}

// whyWrong is the phrase for a refused proof; "" for any other error, and none. That a name was tried too often tells nothing
// about whether there is such a user: names that nobody has run dry alike.
func whyWrong(err error) string {
	if !fault.Is(err, fault.Unauthenticated) {
		return ""
	}
	switch fault.CodeOf(err) {
	case "sign_in_refused":
		return ""
	case codeNoCertificate:
		return "login.certificate_none"
	case codeUnknownPerson:
		return "login.certificate_unknown"
	case codeDifferentPerson:
		return "login.other_person"
	case trust.CodeExpiredCertificate:
		return "login.certificate_expired"
	case trust.CodeRevokedCertificate:
		return "login.certificate_revoked"
	case trust.CodeWrongIdentity:
		return "login.certificate_wrong"
	case trust.CodeUntrustedCertificate, trust.CodeNotAPartner, trust.CodeTrustDamaged:
		return "login.certificate_refused"
	}
	if errors.Is(err, identity.TooManyChecks) {
		return "login.too_many"
	}
	return "login.wrong"
}

// signOn makes the sign-on of somebody who has passed every step of a scheme, as p says, and sets its cookie.
func (s *Server) signOn(c *call, who session.Person, p session.Progress, scheme *mdc.AuthenticationScheme, prior string) (session.Found, error) {
	found, err := s.c.Sessions.SignIn(s.traced(c, ""), session.SignInRequest{Person: who, Store: p.Store, Certificate: p.Certificate, Scheme: scheme.Name, Methods: scheme.Methods(), Level: scheme.Level, LevelDomain: scheme.SecurityDomain,
		ClientAddress: s.remoteAddress(c), PriorCookie: prior, Inactivity: s.inactivityCookie(c)})
	if err != nil {
		s.noteSignIn(c, who.Name, err)
		return found, err
	}
	if found.Session == nil {
		return found, fault.New(fault.Unavailable, "try_again", "The sign-in was overtaken by a sign-out everywhere. Try again.")
	}
	s.figures.signIns.WithLabelValues("ok").Inc()
	remember, err := s.rememberDevice(c, who.Name, scheme)
	if err != nil {
		return session.Found{}, err
	}
	s.setCookies(c, append(found.SetCookies, remember...))
	return found, nil
}

// rememberDevice makes the browser one that knows the person's password in the store of the first step that asks for one. A certificate
// says nothing about who tries passwords.
func (s *Server) rememberDevice(c *call, user string, scheme *mdc.AuthenticationScheme) ([]string, error) {
	for _, step := range scheme.Steps {
		if step.Method != mdc.MethodCertificate {
			device, _ := onlyCookie(c, session.DeviceCookieName(s.secureSignIn()))
			return s.c.Sessions.RememberDevice(device, cmp.Or(step.IdentityStore, mdc.LocalStore), user)
		}
	}
	return nil, nil
}

// signIn is a sign-on by the built-in scheme.
func (s *Server) signIn(c *call, t identity.Attempt, prior string) (session.Found, error) {
	p, err := s.passwordOf(c, t)
	if err != nil {
		s.noteSignIn(c, t.User, err)
		return session.Found{}, err
	}
	return s.signOn(c, p, session.Progress{Store: cmp.Or(t.Store, mdc.LocalStore)}, mdc.BuiltInScheme(), prior)
}

// attempt is what somebody says of themselves, and where it comes from. The store is the local one when none is named.
func (s *Server) attempt(c *call, store, user, password string) identity.Attempt {
	store = cmp.Or(store, mdc.LocalStore)
	device, _ := onlyCookie(c, session.DeviceCookieName(s.secureSignIn()))
	return identity.Attempt{Store: store, User: user, Password: password, Source: s.remoteAddress(c), Device: s.c.Sessions.Device(device, store, strings.Trim(user, " "))}
}
