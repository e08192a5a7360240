package session

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/audit"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session/revocation"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// RetrieveRequest asks a partner for a session.
type RetrieveRequest struct {
	ID         mdc.SessionID
	SSOID      mdc.SSOID
	Proof      []byte // 16 bytes
	ForCluster string // who asks; equals the authenticated caller
	JTI        string // of the code that is being redeemed, or ""; whoever issued it marks it used
}

// Results of a retrieval.
const (
	ResultFound   = "found"
	ResultMoved   = "moved" // another data center took the sign-on over
	ResultEnded   = "ended"
	ResultUnknown = "unknown"
)

// RetrieveAnswer is what the asked data center knows.
type RetrieveAnswer struct {
	Result   string
	Session  *mdc.Session // with found: without proof, index, origin and degradation
	Moved    *mdc.Origin  // with moved: where it is
	CodeUsed bool         // the code was redeemed before
}

// Kinds of an Event.
const (
	KindJoined = "joined" // the sender has a session of the sign-on too
	KindMoved  = "moved"  // the sender has taken the sign-on over: the receiver's session ends
	KindTouch  = "touch"  // the sign-on was used at the sender
)

// Event tells a member what happened to a sign-on elsewhere. A repeat changes nothing.
type Event struct {
	ID      string // of the message
	Kind    string
	SSOID   mdc.SSOID
	Session mdc.SessionID // with moved: the sender's
	Proof   []byte        // 16 bytes, or none where the receiver gave the session to the sender, or was given it
	At      time.Time     // of joined, when; of moved, when the sender's session was made; of touch, the last access
}

const (
	maxEvents   = 500
	callerRate  = 5_000 // retrievals and revocations a second of one partner (SEC-47)
	callerBurst = 10_000
)

// callers limits each partner.
type callers struct {
	mu sync.Mutex // guards by
	by map[string]*rate.Limiter
}

func (c *callers) allow(cluster string, n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := mdc.FoldName(cluster)
	if c.by == nil {
		c.by = make(map[string]*rate.Limiter)
	}
	if c.by[k] == nil {
		c.by[k] = rate.NewLimiter(callerRate, callerBurst)
	}
	return c.by[k].AllowN(time.Now(), n)
}

func (e *Engine) registered(cluster string) bool {
	return containsCluster(e.cfg.Partners.List(), cluster) && !mdc.SameName(cluster, e.cfg.ClusterID)
}

// errTooMany asks a partner to slow down.
func errTooMany() error {
	return &fault.Error{Kind: fault.Unavailable, Code: "too_many_requests", Message: "Too many requests of this partner. Try again.", RetryAfter: time.Second}
}

// checkCaller refuses who is no partner, and everybody while this data center cannot tell "unknown" from "not read yet".
func (e *Engine) checkCaller(from string) error {
	if !e.registered(from) {
		return fault.New(fault.Forbidden, "not_a_partner", "This data center has no active partner %q.", from)
	}
	if !e.cfg.Ready() {
		return fault.New(fault.Unavailable, "not_ready", "This data center is not ready yet. Try again.")
	}
	if !e.callers.allow(from, 1) {
		return errTooMany()
	}
	return nil
}

// CheckPartner refuses who is no partner or asks too often, for answers that are not this engine's.
func (e *Engine) CheckPartner(from string) error { return e.checkCaller(from) }

// Retrieve answers the partner from, whose identity the caller has checked. Errors: fault kinds Forbidden, Invalid, and
// Unavailable when this data center cannot say (not ready, or its own session is not confirmed).
func (e *Engine) Retrieve(ctx context.Context, from string, q RetrieveRequest) (RetrieveAnswer, error) {
	if err := e.checkCaller(from); err != nil {
		return RetrieveAnswer{}, err
	}
	_, idOK := parse128(string(q.ID))
	_, ssoOK := parse128(string(q.SSOID))
	_, jtiOK := parse128(q.JTI)
	if !idOK || !ssoOK || (q.JTI != "" && !jtiOK) || len(q.Proof) != 16 {
		return RetrieveAnswer{}, fault.New(fault.Invalid, "invalid_input", "Ids and the proof are 128 bits each.")
	}
	if !mdc.SameName(q.ForCluster, from) {
		return RetrieveAnswer{}, fault.New(fault.Forbidden, "wrong_cluster", "A data center asks for itself only.")
	}
	a, err := e.retrieve(ctx, from, q)
	if err == nil && a.Result != ResultFound && e.cfg.Audit != nil { // one that asks for what it has no claim to is seen (SEC-47)
		e.cfg.Audit.Note(audit.Event{Actor: "partner:" + from, Action: actRetrieve, Target: "partner/" + from, SignOn: string(q.SSOID), Outcome: audit.Refused, Reason: a.Result}.From(ctx))
	}
	return a, err
}

func (e *Engine) retrieve(ctx context.Context, from string, q RetrieveRequest) (RetrieveAnswer, error) {
	if e.log.Denies(q.SSOID, "", time.Time{}) {
		return RetrieveAnswer{Result: ResultEnded}, nil
	}
	s, last, err := e.lookUp(ctx, q.ID, q.SSOID)
	if err != nil {
		return RetrieveAnswer{}, err
	}
	if s == nil {
		return e.elsewhere(ctx, q)
	}
	if s.SSOID != q.SSOID || !proves(q.Proof, s) {
		return RetrieveAnswer{Result: ResultUnknown}, nil
	}
	ended, err := e.over(ctx, s)
	if err != nil || ended {
		return RetrieveAnswer{Result: ResultEnded}, err
	}
	if s.DegradedSince != nil {
		return RetrieveAnswer{}, fault.New(fault.Unavailable, codeNotConfirmed, "This data center could not confirm the session itself. Try again.")
	}
	used, there, err := e.handOver(ctx, s, from, q.JTI)
	if err != nil {
		return RetrieveAnswer{}, err
	}
	if !there { // taken over, or ended, in this moment
		return e.elsewhere(ctx, q)
	}
	return RetrieveAnswer{Result: ResultFound, Session: e.shown(s, last), CodeUsed: used}, nil
}

// lookUp finds a session by its id, an id it answers for, or its sign-on; nil when there is none.
func (e *Engine) lookUp(ctx context.Context, id mdc.SessionID, sso mdc.SSOID) (s *mdc.Session, last time.Time, err error) {
	err = e.cfg.Sessions.View(ctx, func(r store.Reader) error {
		if s, _, err = readAny(r, id, sso); err != nil || s == nil {
			return err
		}
		last, err = readAccess(r, s)
		return err
	})
	if err != nil {
		return nil, last, fmt.Errorf("look up session %s: %w", id, err)
	}
	return s, last, nil
}

// elsewhere answers for a sign-on that has no session here.
func (e *Engine) elsewhere(ctx context.Context, q RetrieveRequest) (a RetrieveAnswer, err error) {
	err = e.cfg.Sessions.Update(ctx, func(w store.Writer) error {
		a = RetrieveAnswer{Result: ResultUnknown}
		m, err := readMoved(w, q.SSOID)
		if err != nil || m == nil || !hashes(q.Proof, m.ProofHash) {
			return err
		}
		a = RetrieveAnswer{Result: ResultMoved, Moved: &mdc.Origin{ClusterID: m.To, SessionID: m.ID}}
		a.CodeUsed, err = markCode(w, q.JTI)
		return err
	})
	if err != nil {
		return RetrieveAnswer{}, fmt.Errorf("look where %s went: %w", q.SSOID, err)
	}
	if a.Result == ResultUnknown && e.log.Denies(q.SSOID, "", time.Time{}) {
		a.Result = ResultEnded
	}
	return a, nil
}

func proves(proof []byte, s *mdc.Session) bool { return hashes(proof, s.ProofHash) }

// hashes compares in constant time.
func hashes(proof, hash []byte) bool {
	h := sha256.Sum256(proof)
	return subtle.ConstantTimeCompare(h[:], hash) == 1
}

// over says that a session that is still stored must not be used any more.
func (e *Engine) over(ctx context.Context, s *mdc.Session) (bool, error) {
	if !s.ExpiresAt.After(e.now()) || e.log.Denies(s.SSOID, revocation.UserKey(s.Store, s.User), s.AuthenticatedAt) {
		return true, nil
	}
	p, found, err := e.cfg.Directory.User(ctx, s.Store, s.User)
	if fault.Is(err, fault.Unavailable) { // it goes on here, so it may there
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look up user of session %s: %w", s.ID, err)
	}
	return !found || !p.Enabled, nil
}

// join adds a member; false when it is one or there is no room.
func join(s *mdc.Session, cluster string) bool {
	before := len(s.Members)
	s.Members = addCluster(s.Members, cluster)
	return len(s.Members) > before
}

// shown is the part of a session that other data centers and people may see, with the latest access that is known.
func (e *Engine) shown(s *mdc.Session, last time.Time) *mdc.Session {
	c := *s
	c.ProofHash, c.Index, c.Origin, c.DegradedSince = nil, nil, nil, nil
	c.LastAccess, c.Members = e.latestAccess(s.ID, last), e.given.with(s.SSOID, c.Members)
	return &c
}

func (e *Engine) latestAccess(id mdc.SessionID, last time.Time) time.Time {
	if r, ok := e.residents.peek(id); ok {
		return latest(last, time.UnixMilli(r.last.Load()).UTC())
	}
	return latest(last, e.unwritten(id))
}

// markCode marks a code used; used says that it was before. "" is no code.
func markCode(w store.Writer, jti string) (used bool, err error) {
	if jti == "" {
		return false, nil
	}
	if _, err = w.Get(keyCode(jti)); err == nil {
		return true, nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return false, err
	}
	return false, w.Put(keyCode(jti), []byte{1}, codeLife+2*margin)
}
