package session

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session/revocation"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// maxAddress is the longest client address that is kept.
const maxAddress = 64

// SignInRequest is a person who has just proved who they are.
type SignInRequest struct {
	Person        Person      // as the identity store has it now
	Store         string      // identity store's name
	Scheme        string      // authentication scheme that was used; "" = mdc.SchemePassword
	Methods       []string    // of its steps
	Level         int         // of the scheme
	LevelDomain   string      // security domain of the scheme; "" = none
	Certificate   Certificate // that a data center issued and that the person showed; the zero value = none
	ClientAddress string
	PriorCookie   string // the browser's sign-in cookie, or ""
	Inactivity    string // the browser's inactivity cookie, or ""
}

// how names the scheme and its methods for the audit.
func (q *SignInRequest) how() string {
	if q.Scheme == "" {
		return ""
	}
	return "scheme " + q.Scheme + ": " + strings.Join(q.Methods, ", ")
}

// Found is a session with what the browser is to keep. Session is nil when the person must sign in; Rule says why. Its
// session is shared and must not be changed; its LastAccess is that of the last write.
type Found struct {
	Session    *mdc.Session
	Rule       string
	SetCookies []string // values of Set-Cookie headers
	claim      claim    // of this data center, with the proof
}

// SignIn makes a new sign-on: new sso id, id and proof, whatever the browser sent (SEC-01). A sign-on that it had before,
// its own or another user's, is ended everywhere first (SEC-02). What it answers is on stable storage.
func (e *Engine) SignIn(ctx context.Context, q SignInRequest) (Found, error) {
	if !q.Person.Enabled || !mdc.ValidName(q.Person.Name) || !mdc.ValidName(q.Store) || q.Level < 0 {
		return Found{}, fault.New(fault.Unauthenticated, "sign_in_refused", "This account cannot sign in.")
	}
	detail := q.how()
	if prior, err := e.openClaim(payloadSignIn, e.signInAt(), q.PriorCookie); err == nil && prior.ExpiresAt.After(e.now()) {
		e.witness(&prior, q.Inactivity)
		if r, err := e.reauthenticated(ctx, q, &prior); err != nil || r != nil {
			if err != nil {
				return Found{}, err
			}
			return e.visited(Reauthenticated, r, prior)
		}
		if _, err := e.revoke(ctx, prior.SSOID, prior.ExpiresAt); err != nil {
			return Found{}, err
		}
		detail = strings.TrimPrefix(detail+"; replaces sign-on "+string(prior.SSOID), "; ")
	}
	c := e.newSignOn(q)
	granted, err := e.place(ctx, request{Store: q.Store, User: q.Person.Name, SSOID: c.SSOID, At: c.AuthenticatedAt})
	if err != nil {
		return Found{}, err
	}
	if !granted {
		return Found{}, fault.New(fault.Forbidden, "too_many_sessions", "You are signed in elsewhere as often as is allowed. Sign out there, then try again.")
	}
	s := e.newSession(&c)
	s.ID, s.Index, s.Rule = c.ID, nil, SignedIn
	s.Attributes, s.Groups, s.ClientAddress = q.Person.Attributes, q.Person.Groups, clip(q.ClientAddress, maxAddress)
	s.Scheme, s.Methods = q.Scheme, q.Methods
	r, err := e.begin(ctx, s, func(w store.Writer) error {
		ev := by(s, actSignIn, SignedIn)
		ev.Address, ev.Detail = s.ClientAddress, detail
		if err := q.Certificate.remember(w, s, e.now()); err != nil {
			return err
		}
		return e.append(ctx, w, ev)
	})
	if err != nil && e.cfg.Policies.SessionPolicy().MaxSessionsPerUser > 0 {
		err = errors.Join(err, e.release(ctx, e.cfg.ClusterID, revocation.UserKey(q.Store, q.Person.Name), c.SSOID))
	}
	if errors.Is(err, errFull) {
		return Found{}, &fault.Error{Kind: fault.Unavailable, Code: "at_capacity", RetryAfter: time.Minute,
			Message: "This data center holds as many sessions as it may. Try again later."}
	}
	if err != nil {
		return Found{}, err
	}
	// "Everywhere" may have ended this user's sign-ons between the choice of the time and the write.
	if e.denied(r, s) {
		return Found{Rule: ChallengeTombstone}, e.end(ctx, s, ChallengeTombstone)
	}
	return e.visited(SignedIn, r, c)
}

// newSignOn chooses ids and times. A sign-on counts from after the moment at which the user's earlier ones were ended.
func (e *Engine) newSignOn(q SignInRequest) claim {
	now := e.now()
	at := now
	if after := e.log.NotBefore(revocation.UserKey(q.Store, q.Person.Name)).Add(time.Millisecond); after.After(at) {
		at = after.Truncate(time.Millisecond)
	}
	expires := at.Add(e.cfg.Policies.SessionPolicy().Lifetime.D())
	return claim{Cluster: e.cfg.ClusterID, ID: mdc.SessionID(newRandom().text()), Proof: newRandom(), SSOID: mdc.SSOID(newRandom().text()),
		User: q.Person.Name, Store: q.Store, Level: q.Level, LevelDomain: q.LevelDomain, AuthenticatedAt: at, ExpiresAt: expires, Seen: now, Until: expires}
}

// Visit is VisitWith for a browser without an inactivity cookie.
func (e *Engine) Visit(ctx context.Context, cookie string) (Found, error) {
	return e.VisitWith(ctx, cookie, "")
}

// VisitWith finds the session of a browser at the sign-in host and stamps its cookie with this data center (OAM-14, OAM-33).
// The inactivity cookie, "" when absent or sent twice, tells where it was used since, and when (OAM-36).
func (e *Engine) VisitWith(ctx context.Context, cookie, inactivity string) (Found, error) {
	if cookie == "" {
		return Found{Rule: ChallengeNoCookie}, nil
	}
	c, err := e.openClaim(payloadSignIn, e.signInAt(), cookie)
	if err != nil {
		found, err := refusedOr(err)
		e.note(ctx, nil, actFind, found.Rule)
		return found, err
	}
	e.witness(&c, inactivity)
	r, rule, err := e.find(ctx, &c, nil)
	if err != nil || r == nil {
		if err == nil {
			e.note(ctx, &c, actFind, rule)
		}
		return Found{Rule: rule}, err
	}
	return e.visited(rule, r, c)
}

// Recheck says whether a session that Visit found may go on to be used, by something that takes long, and counts as its use:
// fault.Forbidden when it has ended or its user may not sign in any more. It gives the session as it is now.
func (e *Engine) Recheck(ctx context.Context, id mdc.SessionID) (*mdc.Session, error) {
	over := fault.New(fault.Forbidden, "session_over", "The session has ended. Sign in again.")
	s, err := e.Get(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return nil, over
	}
	if err != nil {
		return nil, err
	}
	r, err := e.held(ctx, s)
	if err != nil {
		return nil, err
	}
	rule, err := e.admit(ctx, r, s.LastAccess, e.now())
	if err != nil {
		return nil, err
	}
	if rule != "" {
		return nil, over
	}
	return r.session.Load(), nil
}

// visited writes the cookie for a session of this data center.
func (e *Engine) visited(rule string, r *resident, c claim) (Found, error) {
	s := r.session.Load()
	c.Cluster, c.ID, c.Latest, c.Level, c.LevelDomain, c.Seen = e.cfg.ClusterID, s.ID, e.cfg.ClusterID, s.Level, s.LevelDomain, e.now()
	c.Chain = trail(e.cfg.Policies.SessionPolicy(), c.Chain, e.cfg.ClusterID)
	text, err := e.sealClaim(payloadSignIn, e.signInAt(), c)
	if err != nil {
		return Found{}, err
	}
	secure := e.signInSecure()
	return Found{Session: s, Rule: rule, SetCookies: []string{setCookie(SignInCookieName(secure), text, 0, secure)}, claim: c}, nil
}

// trail is the chain of the cookie that id writes. Anchored, the others have the sign-on no more.
func trail(p *mdc.SessionPolicy, chain []string, id string) []string {
	if p.Anchored {
		chain = nil
	}
	return chained(chain, id)
}

// chained puts id last, once, and forgets the oldest beyond maxChain.
func chained(chain []string, id string) []string {
	out := make([]string, 0, len(chain)+1)
	for _, c := range chain {
		if !mdc.SameName(c, id) {
			out = append(out, c)
		}
	}
	out = append(out, id)
	return out[max(0, len(out)-maxChain):]
}

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}

// refusedOr turns "does not open" into a challenge; a missing key or the like stays an error.
func refusedOr(err error) (Found, error) {
	if isRefusal(err) {
		return Found{Rule: ChallengeBadCookie}, nil
	}
	return Found{}, fmt.Errorf("open cookie: %w", err)
}
