package httpapi

import (
	"context"
	"fmt"
	"strings"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/policy"
	"github.com/concord-access/terraform-provider-concord/server/session"
)

// authorize is the hot path: the session, then the policy.
func (s *Server) authorize(c *call) error {
	var in wire.AuthorizeRequest
	b, err := c.body()
	if err != nil {
		return err
	}
	if err := decodeAuthorize(b, &in); err != nil {
		return err
	}
	a, person := c.agent(), (*mdc.Session)(nil)
	out, err := s.decide(c.Request.Context(), inquiry{agent: a, in: &in, requestID: c.GetString(requestIDKey),
		introduce: func(_ *wire.AuthorizeAnswer, v *mdc.Session) error { person = v; return nil }})
	if err != nil {
		return err
	}
	s.decided(c, a, &in, &out)
	text, err := s.word(a, &out, person)
	if err != nil {
		return fmt.Errorf("encode decision: %w", err)
	}
	return s.answerText(c, text)
}

// inquiry is one request that an agent asks about.
type inquiry struct {
	agent     *mdc.Agent
	in        *wire.AuthorizeRequest
	requestID string
	introduce func(*wire.AuthorizeAnswer, *mdc.Session) error // tells the application about a person whom the policy lets through
}

// decide answers one request.
func (s *Server) decide(ctx context.Context, i inquiry) (wire.AuthorizeAnswer, error) {
	a, in := i.agent, i.in
	res, err := policy.Canonical(in.Scheme, in.Host, in.Target)
	if err != nil {
		return wire.AuthorizeAnswer{Decision: wire.DecisionDeny, Reason: fault.CodeOf(err)}, nil
	}
	index, err := s.c.Model.Policies(ctx)
	if err != nil {
		return wire.AuthorizeAnswer{}, err
	}
	question := s.question(res, in)
	if !serves(a, res) { // an agent decides for its own hosts only (SEC-20); a person who came astray goes to its start page
		return s.challenge(a, in, session.ChallengeHost, policy.Decision{})
	}
	question.DefaultAnyUser, question.Domain = true, a.SecurityDomain
	open := index.Decide(question, nil)
	switch open.Effect {
	case policy.Deny:
		return wire.AuthorizeAnswer{Decision: wire.DecisionDeny, Reason: reason(open)}, nil
	case policy.Excluded:
		return wire.AuthorizeAnswer{Decision: wire.DecisionAllow, Reason: reason(open), Headers: open.Headers}, nil
	}
	if in.Authorization != "" && open.Basic {
		return s.decideBasic(ctx, i, open, func(v *mdc.Session) policy.Decision { return index.Decide(question, subjectOf(v)) })
	}
	d, err := s.c.Sessions.Authorize(ctx, a, session.AuthorizeInput{Scheme: in.Scheme, Host: in.Host, Cookie: in.Cookie, Inactivity: in.InactivityCookie, ClientAddress: in.ClientAddress, RequestID: i.requestID})
	switch {
	case err != nil:
		return wire.AuthorizeAnswer{}, err
	case d.Session == nil && open.Effect == policy.Public:
		return wire.AuthorizeAnswer{Decision: wire.DecisionAllow, Reason: reason(open), Headers: open.Headers}, nil
	case d.Session == nil:
		return s.challenge(a, in, d.Rule, open)
	}
	decision := index.Decide(question, subjectOf(d.Session))
	if decision.Stranger { // to this application the person is nobody
		return wire.AuthorizeAnswer{Decision: wire.DecisionAllow, Reason: reason(decision), Headers: decision.Headers}, nil
	}
	out, err := s.judge(i, d, decision)
	if d.SetCookie != "" { // the session was used, whatever the policy says
		out.SetCookies = append(out.SetCookies, d.SetCookie)
	}
	return out, err
}

// judge words what the policy says of a person with a session.
func (s *Server) judge(i inquiry, d session.Decision, decision policy.Decision) (wire.AuthorizeAnswer, error) {
	v := counted(d.Session, decision.Domain)
	switch decision.Effect {
	case policy.Deny:
		return wire.AuthorizeAnswer{Decision: wire.DecisionDeny, Reason: reason(decision), User: v.User}, nil
	case policy.Challenge:
		return s.challenge(i.agent, i.in, reason(decision), decision)
	}
	out := wire.AuthorizeAnswer{Decision: wire.DecisionAllow, Reason: d.Rule, User: v.User, CacheSeconds: s.cacheSeconds(i.agent, v), SSOID: string(v.SSOID), Headers: decision.Headers}
	if decision.Varies {
		out.CacheSeconds = 0
	}
	err := i.introduce(&out, v)
	return out, err
}

// question asks about one request of a browser. Where the client is says the agent, who has proved itself.
func (s *Server) question(res policy.Resource, in *wire.AuthorizeRequest) policy.Request {
	q := res.Request(in.Method)
	q.ClientAddress, q.Now = policy.ClientAddress(in.ClientAddress), s.c.Clock.Now()
	return q
}

// subjectOf is who has the session.
func subjectOf(v *mdc.Session) *policy.Subject {
	return &policy.Subject{User: v.User, Groups: v.Groups, Attributes: v.Attributes, Level: v.Level, LevelDomain: v.LevelDomain, IdentityStore: v.Store, AuthenticatedAt: v.AuthenticatedAt}
}

// counted is the session as an application of a security domain is told of it: with the level that counts there. It is v itself where
// that is the same, so that what is kept of v serves.
func counted(v *mdc.Session, domain string) *mdc.Session {
	level := v.LevelIn(domain)
	if level == v.Level {
		return v
	}
	told := *v
	told.Level = level
	return &told
}

// serves says whether the request's origin is one of the agent's hosts.
func serves(a *mdc.Agent, r policy.Resource) bool {
	for _, origin := range a.Hosts {
		scheme, host, _ := strings.Cut(origin, "://")
		if scheme == r.Scheme && (host == r.Host || host == r.Host+":443" && scheme == "https" || host == r.Host+":80" && scheme == "http") {
			return true
		}
	}
	return false
}

// reason is the rule without names that an administrator chose, which the metrics' labels could not bear; the decision's
// own words stay with the log.
func reason(d policy.Decision) string {
	if i := strings.IndexByte(d.Rule, '/'); i >= 0 {
		return "policy" + d.Rule[i:]
	}
	return d.Rule
}

// challenge sends a navigation to the sign-in host; anything else gets no location, so the agent answers 401. want is what the
// resource asks for.
func (s *Server) challenge(a *mdc.Agent, in *wire.AuthorizeRequest, rule string, want policy.Decision) (wire.AuthorizeAnswer, error) {
	out := wire.AuthorizeAnswer{Decision: wire.DecisionChallenge, Reason: rule}
	if want.Basic {
		out.WWWAuthenticate = basicChallenge(want.Scheme)
	}
	if !in.Navigation {
		return out, nil
	}
	location, cookies, err := s.c.Sessions.BeginFlow(a, session.Flow{Scheme: in.Scheme, Host: in.Host, Target: in.Target, OpenFlows: in.FlowCookies, Level: want.Level, Domain: want.Domain, Authentication: want.Scheme})
	if fault.CodeOf(err) == "too_many_sign_ins" { // the browser's trouble and no server's: without a location the agent says 401
		out.Reason = "too_many_sign_ins"
		return out, nil
	}
	out.Location, out.SetCookies = location, cookies
	return out, err
}

func (s *Server) redeem(c *call) error {
	var in wire.RedeemRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	r, err := s.c.Sessions.Redeem(s.traced(c, c.agent().Name), c.agent(), session.RedeemInput{Scheme: in.Scheme, Host: in.Host, Code: in.Code, State: in.State, FlowCookies: in.FlowCookies})
	if err != nil {
		return err
	}
	out := wire.RedeemAnswer{Location: r.Location, SetCookies: append([]string{}, r.SetCookies...)}
	if r.Session != nil {
		out.User = r.Session.User
	}
	return c.answer(out)
}

func (s *Server) logoutByAgent(c *call) error {
	var in wire.LogoutRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	r, err := s.c.Sessions.SignOutAgent(s.traced(c, c.agent().Name), c.agent(), in.Cookie)
	if err != nil {
		return err
	}
	return c.answer(wire.LogoutAnswer{Receipt: receipt(r), Location: s.c.Sessions.SignInURL() + "/signed-out", SetCookies: append([]string{}, r.SetCookies...)})
}

func (s *Server) setCookies(c *call, values []string) {
	for _, v := range values {
		c.Writer.Header().Add("Set-Cookie", v)
	}
}

// signInCookie gives the browser's sign-in cookie; one that was sent twice counts as none (SEC-07).
func (s *Server) signInCookie(c *call) (string, bool) {
	return onlyCookie(c, session.SignInCookieName(s.secureSignIn()))
}

// inactivityCookie gives the cookie on the common domain; of two neither counts (OAM-16).
func (s *Server) inactivityCookie(c *call) string {
	value, _ := onlyCookie(c, session.InactivityCookieName(s.secureSignIn()))
	return value
}

func (s *Server) secureSignIn() bool {
	scheme, _, _ := strings.Cut(s.c.Sessions.SignInURL(), "://")
	return s.c.Sessions.SecureCookies(scheme)
}

func onlyCookie(c *call, name string) (string, bool) {
	found := c.Request.CookiesNamed(name)
	if len(found) != 1 || found[0].Quoted {
		return "", false
	}
	return found[0].Value, true
}
