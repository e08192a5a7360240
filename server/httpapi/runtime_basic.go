package httpapi

import (
	"context"
	"encoding/base64"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sync/singleflight"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/audit"
	"github.com/concord-access/terraform-provider-concord/server/identity"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/policy"
	"github.com/concord-access/terraform-provider-concord/server/session"
)

const (
	maxBasic     = 4096             // bytes of an Authorization header that is looked at
	basicKept    = 10_000           // programs whose session is remembered
	basicRecheck = 10 * time.Minute // after which the password is checked again, whatever the session says
	basicForgot  = 24 * time.Hour   // after which a program is forgotten that comes no more

	ruleBasic        = "basic"
	ruleBasicRefused = "basic_refused"
)

// basics are the sessions of programs that send HTTP Basic with each request (RFC 7617): the first one costs a check of the
// password and makes a session, the others use it. What is remembered is no right: each request asks the session engine
// whether the session still stands, so a sign-out, a disabled user or a new password is felt at once, and then the password
// is checked again.
type basics struct {
	kept    *identity.Proved[program]
	flights singleflight.Group // first requests of a program, by what stands for its credentials
}

// program is the session of somebody who sends the right password with each request.
type program struct {
	session mdc.SessionID
	checked time.Time // when the password was
}

func newBasics() *basics { return &basics{kept: identity.NewProved[program](basicKept, basicForgot)} }

// basicChallenge is the value of WWW-Authenticate. A scheme's name needs no escaping.
func basicChallenge(scheme string) string { return `Basic realm="` + scheme + `", charset="UTF-8"` }

// readBasic reads an Authorization header of RFC 7617 in UTF-8; false for anything else.
func readBasic(header string) (user, password string, ok bool) {
	method, text, _ := strings.Cut(header, " ")
	if len(header) > maxBasic || !strings.EqualFold(method, "Basic") {
		return "", "", false
	}
	b, err := base64.StdEncoding.Strict().DecodeString(strings.Trim(text, " "))
	if err != nil || !utf8.Valid(b) {
		return "", "", false
	}
	user, password, ok = strings.Cut(string(b), ":")
	return user, password, ok && user != "" && !strings.ContainsFunc(user+password, unicode.IsControl)
}

// decideBasic decides on the request of a program that says who it is, for a resource whose scheme is HTTP Basic.
// permits is what the policies say of a session.
func (s *Server) decideBasic(ctx context.Context, i inquiry, open policy.Decision, permits func(*mdc.Session) policy.Decision) (wire.AuthorizeAnswer, error) {
	ctx = audit.WithOrigin(ctx, audit.Origin{Address: i.in.ClientAddress, Agent: i.agent.Name, RequestID: i.requestID})
	v, err := s.programSession(ctx, i.agent, i.in, open.Scheme)
	if fault.Is(err, fault.Unauthenticated) {
		return s.challenge(i.agent, i.in, ruleBasicRefused, open)
	}
	if err != nil {
		return wire.AuthorizeAnswer{}, err
	}
	out, err := s.judge(i, session.Decision{Session: v, Rule: ruleBasic}, permits(v))
	out.CredentialsUsed, out.CacheSeconds = true, 0 // an agent remembers by cookies, and a request without credentials has the same ones
	return out, err
}

// programSession is the session that a program has at this agent, or a new one if its password is right.
func (s *Server) programSession(ctx context.Context, a *mdc.Agent, in *wire.AuthorizeRequest, name string) (*mdc.Session, error) {
	wrong := fault.New(fault.Unauthenticated, "wrong_credentials", "The user name or the password is wrong.")
	user, password, ok := readBasic(in.Authorization)
	scheme, err := s.c.Model.Scheme(ctx, name)
	if err != nil {
		return nil, err
	}
	if !ok || scheme == nil || !scheme.ForPrograms() {
		s.refusedSignIn(ctx, user, wrong)
		return nil, wrong
	}
	key := s.basics.kept.Key(a.Name, scheme.Name, scheme.Steps[0].IdentityStore, mdc.FoldName(user), password)
	if v, fresh, err := s.rememberedProgram(ctx, key, scheme); fresh || err != nil {
		return v, err
	}
	// Whoever comes first checks for all, and goes on when its own request goes away.
	made, err, _ := s.basics.flights.Do(string(key[:]), func() (any, error) {
		return s.programSignIn(context.WithoutCancel(ctx), key, scheme, identity.Attempt{Store: scheme.Steps[0].IdentityStore, User: user, Password: password, Source: in.ClientAddress})
	})
	if err != nil {
		return nil, err
	}
	v, _ := made.(*mdc.Session)
	return v, nil
}

// rememberedProgram gives the session that the program has, nil where it has none; fresh says that the password need not be checked.
func (s *Server) rememberedProgram(ctx context.Context, key [32]byte, scheme *mdc.AuthenticationScheme) (v *mdc.Session, fresh bool, err error) {
	now := s.c.Clock.Now()
	known, ok := s.basics.kept.Get(key, now)
	if !ok {
		return nil, false, nil
	}
	v, err = s.c.Sessions.Recheck(ctx, known.session)
	switch {
	case fault.Is(err, fault.Forbidden) || err == nil && (v.Level != scheme.Level || v.LevelDomain != scheme.SecurityDomain):
		s.basics.kept.Forget(key)
		return nil, false, nil
	case err != nil:
		return nil, false, err
	}
	return v, now.Sub(known.checked) < basicRecheck, nil
}

func (s *Server) programSignIn(ctx context.Context, key [32]byte, scheme *mdc.AuthenticationScheme, t identity.Attempt) (*mdc.Session, error) {
	v, fresh, err := s.rememberedProgram(ctx, key, scheme)
	if fresh || err != nil { // by the flight before this one
		return v, err
	}
	p, err := s.c.Users.Authenticate(ctx, t)
	if err != nil {
		if fault.Is(err, fault.Unauthenticated) {
			s.basics.kept.Forget(key)
		}
		s.refusedSignIn(ctx, t.User, err)
		return nil, err
	}
	if now := s.c.Clock.Now(); v != nil {
		s.basics.kept.Keep(key, program{v.ID, now}, now)
		return v, nil
	}
	found, err := s.c.Sessions.SignIn(ctx, session.SignInRequest{Person: session.Person{Name: p.Name, Groups: p.Groups, Attributes: p.Attributes, Enabled: true}, Store: p.Store,
		Scheme: scheme.Name, Methods: scheme.Methods(), Level: scheme.Level, LevelDomain: scheme.SecurityDomain, ClientAddress: t.Source})
	if err != nil {
		s.refusedSignIn(ctx, p.Name, err)
		return nil, err
	}
	if found.Session == nil {
		return nil, fault.New(fault.Unavailable, "try_again", "The sign-in was overtaken by a sign-out everywhere. Try again.")
	}
	s.figures.signIns.WithLabelValues("ok").Inc()
	now := s.c.Clock.Now()
	s.basics.kept.Keep(key, program{found.Session.ID, now}, now)
	return found.Session, nil
}
