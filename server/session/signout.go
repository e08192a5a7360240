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

// What a data center has done with the end of a sign-on.
const (
	Acknowledged = "acknowledged" // durable there, and in force
	Queued       = "queued"       // durable here; sent until it is acknowledged
)

// Receipt says who knows of an end (OAM-37).
type Receipt struct {
	SSOID       mdc.SSOID         // "" when all of a user's sign-ons ended, or nothing was there to end
	User        string            // whose sign-on it was, where that is known
	DataCenters map[string]string // cluster id to Acknowledged or Queued
	SetCookies  []string          // values of Set-Cookie headers that clear what the browser holds
}

// SignOut ends the sign-on of a sign-in cookie everywhere. A cookie that does not open ends nothing and is cleared.
func (e *Engine) SignOut(ctx context.Context, cookie string) (Receipt, error) {
	secure := e.signInSecure()
	forget := append([]string{clearCookie(SignInCookieName(secure), secure)}, e.forgetInactivity(e.signInHost(), secure)...)
	c, err := e.openClaim(payloadSignIn, e.signInAt(), cookie)
	switch {
	case err == nil:
		return e.signOutClaim(ctx, &c, forget)
	case isRefusal(err):
		return Receipt{SetCookies: forget}, nil
	}
	return Receipt{}, fmt.Errorf("open cookie: %w", err)
}

// SignOutAgent ends the sign-on of an agent's cookie everywhere. a is the authenticated agent.
func (e *Engine) SignOutAgent(ctx context.Context, a *mdc.Agent, cookie string) (Receipt, error) {
	for _, origin := range a.Hosts {
		scheme, host, _ := strings.Cut(origin, "://")
		c, err := e.openClaim(payloadAgent, agentAt(mdc.PurposeAgent, a.Name, host), cookie)
		if err == nil {
			secure := e.SecureCookies(scheme)
			return e.signOutClaim(ctx, &c, append([]string{clearCookie(AgentCookieName(a.Name, secure), secure)}, e.forgetInactivity(host, secure)...))
		}
	}
	return Receipt{}, nil
}

func (e *Engine) signOutClaim(ctx context.Context, c *claim, forget []string) (Receipt, error) {
	r := Receipt{SetCookies: forget}
	if !c.ExpiresAt.After(e.now()) {
		return r, nil
	}
	var unrecorded error
	if !e.log.Denies(c.SSOID, "", time.Time{}) { // a cookie that is shown again ends nothing more
		ev := ofClaim(c, actSignOut, actSignOut)
		ev.Agent = c.Agent
		unrecorded = e.recordFirst(ctx, ev)
	}
	position, err := e.revoke(ctx, c.SSOID, c.ExpiresAt)
	if err = errors.Join(err, unrecorded); err != nil {
		return Receipt{}, err
	}
	r.SSOID, r.User, r.DataCenters = c.SSOID, c.User, e.acknowledged(ctx, position)
	return r, nil
}

// SignOutSession ends the sign-on of a session of this data center everywhere; a fault of kind NotFound when there is none.
func (e *Engine) SignOutSession(ctx context.Context, id mdc.SessionID) (Receipt, error) {
	s, err := e.Get(ctx, id)
	if err != nil {
		return Receipt{}, err
	}
	position, err := e.revoke(ctx, s.SSOID, s.ExpiresAt)
	if err != nil {
		return Receipt{}, err
	}
	return Receipt{SSOID: s.SSOID, User: s.User, DataCenters: e.acknowledged(ctx, position)}, nil
}

// EndUser ends all sign-ons of a user everywhere: those authenticated until now, also where they are not known here. It is
// durable when it returns; partners are told meanwhile and not waited for, since many users may be ended at once.
func (e *Engine) EndUser(ctx context.Context, identityStore, user string) error {
	if !mdc.ValidName(identityStore) || !mdc.ValidName(user) {
		return fault.New(fault.Invalid, "invalid_input", "Give an identity store and a user.")
	}
	at := e.now()
	sessions, err := e.sessionsOf(ctx, identityStore, user)
	if err != nil {
		return err
	}
	for _, s := range sessions { // another data center's clock may be ahead
		if s.AuthenticatedAt.After(at) {
			at = s.AuthenticatedAt
		}
	}
	_, err = e.log.Add(ctx, revocation.Entry{Kind: revocation.KindUserNotBefore, Key: revocation.UserKey(identityStore, user),
		At: at, ExpiresAt: at.Add(revocation.MaxLifetime + margin)})
	if err != nil {
		return fmt.Errorf("end sign-ons of %s: %w", user, err)
	}
	return nil
}

// revoke ends one sign-on: the revocation is durable first, then the session goes.
func (e *Engine) revoke(ctx context.Context, sso mdc.SSOID, expires time.Time) (position uint64, err error) {
	position, err = e.log.Add(ctx, revocation.Entry{Kind: revocation.KindSSO, Key: string(sso), At: e.now(), ExpiresAt: expires.Add(margin)})
	if err != nil {
		return 0, fmt.Errorf("end sign-on %s: %w", sso, err)
	}
	return position, nil
}

func (e *Engine) acknowledged(ctx context.Context, position uint64) map[string]string {
	answer := map[string]string{e.cfg.ClusterID: Acknowledged}
	for cluster, done := range e.log.Receipt(ctx, position, max(0, e.cfg.ReceiptWait)) {
		answer[cluster] = Queued
		if done {
			answer[cluster] = Acknowledged
		}
	}
	return answer
}

// endRevoked has agents told of what new revocations end, and deletes the sessions. They are denied already; this frees their place.
func (e *Engine) endRevoked(ctx context.Context, entries []revocation.Entry) error {
	if e.calls != nil {
		if err := e.calls.End(ctx, entries); err != nil {
			return err
		}
	}
	for _, entry := range entries {
		ended, err := e.endedBy(ctx, entry)
		if err != nil {
			return err
		}
		for _, s := range ended {
			if err := e.end(ctx, s, endRevoked); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *Engine) endedBy(ctx context.Context, entry revocation.Entry) ([]*mdc.Session, error) {
	if entry.Kind == revocation.KindSSO {
		s, _, err := e.lookUp(ctx, "", mdc.SSOID(entry.Key))
		if err != nil || s == nil {
			return nil, err
		}
		return []*mdc.Session{s}, nil
	}
	identityStore, user, _ := strings.Cut(entry.Key, "/")
	all, err := e.sessionsOf(ctx, identityStore, user)
	var ended []*mdc.Session
	for _, s := range all {
		if !s.AuthenticatedAt.After(entry.At) {
			ended = append(ended, s)
		}
	}
	return ended, err
}

// sessionsOf reads a user's sessions in this data center.
func (e *Engine) sessionsOf(ctx context.Context, identityStore, user string) (all []*mdc.Session, err error) {
	prefix := []byte("u/" + mdc.FoldName(user) + "/" + identityStore + "/")
	err = e.cfg.Sessions.View(ctx, func(r store.Reader) error {
		return r.Range(store.Span{Prefix: prefix}, func(k, _ []byte) error {
			s, err := readSession(r, mdc.SessionID(k[len(prefix):]))
			if err == nil && s != nil {
				all = append(all, s)
			}
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read sessions of %s: %w", user, err)
	}
	return all, nil
}
