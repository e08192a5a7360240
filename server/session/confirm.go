package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/audit"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

const (
	maxConfirm = 1000 // sessions that one round settles with a partner
	maxInVain  = 100  // that one round asks for in vain: the next goes on behind them

	codeNotConfirmed = "not_confirmed" // the partner has the session, but could not confirm it itself yet
	codeInternal     = "internal"      // the partner failed on this one session
)

// turns remembers, by folded partner, behind which key the next round goes on.
type turns struct {
	mu     sync.Mutex // guards behind
	behind map[string][]byte
}

func (t *turns) get(partner string) []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.behind[mdc.FoldName(partner)]
}

func (t *turns) set(partner string, behind []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.behind == nil {
		t.behind = make(map[string][]byte)
	}
	t.behind[mdc.FoldName(partner)] = behind
}

// round is what one partner is asked for at a time.
type round struct {
	keys   [][]byte
	claims []string // sealed
	whole  bool     // it reaches to the end
	left   bool     // there is more, for this partner or for others
}

// confirmAll asks partner about the sessions that were made from cookies while it was away. Found clears the degradation
// and takes the attributes; ended and unknown end the session. What the partner cannot settle now stays pending and keeps
// no other session waiting; the error says that the partner is not reached, or that this data center's store failed.
func (e *Engine) confirmAll(ctx context.Context, partner string) error {
	if !e.pending.Load() {
		return nil
	}
	e.pending.Store(false) // before reading: a session made meanwhile sets it again
	r, err := e.readPending(ctx, partner, e.turns.get(partner))
	if err != nil {
		e.pending.Store(true)
		return err
	}
	behind, inVain, err := e.settleRound(ctx, partner, r)
	if r.left || inVain > 0 || err != nil {
		e.pending.Store(true)
	}
	if err != nil {
		return fmt.Errorf("confirm sessions with %s: %w", partner, err)
	}
	e.turns.set(partner, behind)
	return nil
}

// settleRound gives the key behind which the next round goes on, nil for the beginning, and how many it asked for in vain.
func (e *Engine) settleRound(ctx context.Context, partner string, r round) (behind []byte, inVain int, err error) {
	for i, sealed := range r.claims {
		c, err := e.openClaim(payloadPending, e.pendingAt(), sealed)
		if err != nil {
			continue // its key is gone; the session ends by its age
		}
		if err = e.confirm(ctx, &c, partner); answered(err) {
			e.cfg.Logger.Debug("partner cannot confirm a session now; it is asked again", "partner", partner, "sso_id", c.SSOID, "error", err)
			inVain, err = inVain+1, nil
		}
		if err != nil {
			return nil, inVain, err
		}
		if inVain == maxInVain {
			return r.keys[i], inVain, nil
		}
	}
	if r.whole || len(r.keys) == 0 {
		return nil, inVain, nil
	}
	return r.keys[len(r.keys)-1], inVain, nil
}

// answered says that a partner which gave no verdict is there nevertheless.
func answered(err error) bool {
	code := fault.CodeOf(err)
	return errors.Is(err, ErrRefused) || errors.Is(err, ErrUnreachable) && (code == codeNotConfirmed || code == codeInternal)
}

// readPending gives what partner can confirm of what lies behind a key.
func (e *Engine) readPending(ctx context.Context, partner string, behind []byte) (round, error) {
	r := round{whole: true, left: behind != nil}
	err := e.cfg.Sessions.View(ctx, func(tx store.Reader) error {
		return tx.Range(store.Span{Prefix: []byte("d/"), After: behind}, func(k, v []byte) error {
			var p pendingRecord
			if err := json.Unmarshal(v, &p); err != nil {
				return fmt.Errorf("decode pending confirmation: %w", err)
			}
			switch {
			case p.Denied:
			case len(r.claims) == maxConfirm:
				r.whole, r.left = false, true
				return store.ErrStop
			case containsCluster(p.Asked, partner):
				r.keys, r.claims = append(r.keys, k), append(r.claims, p.Claim)
			default:
				r.left = true
			}
			return nil
		})
	})
	if err != nil {
		return round{}, fmt.Errorf("read pending confirmations: %w", err)
	}
	return r, nil
}

// confirm settles one sign-on with one partner; an error of the partner's as askOnce gives it.
func (e *Engine) confirm(ctx context.Context, c *claim, partner string) error {
	o, err := e.askOnce(ctx, c, "", partner, e.cfg.Policies.SessionPolicy().RetrievalMaxWait.D())
	for range maxHops {
		if err != nil || o.verdict != verdictMoved || !e.registered(o.to) {
			break
		}
		if o, err = e.askOnce(ctx, c, "", o.to, e.cfg.Policies.SessionPolicy().RetrievalMaxWait.D()); errors.Is(err, ErrUnreachable) {
			err = errNotNow // not by the one that is asked now, who is there
		}
	}
	if err != nil {
		return err
	}
	if o.verdict == verdictMoved && e.registered(o.to) {
		return errNotNow
	}
	r, _, err := e.read(ctx, c)
	if err != nil {
		return err
	}
	if o.verdict == verdictFound {
		if r == nil {
			return e.forget(ctx, c)
		}
		return e.confirmed(ctx, c, r, &o)
	}
	return e.unconfirmed(ctx, c, r)
}

// errNotNow says that a session stays to be confirmed.
var errNotNow = fmt.Errorf("%w: %w", ErrUnreachable, fault.New(fault.Unavailable, codeNotConfirmed, "The sign-on is being moved between data centers."))

// confirmed makes a degraded session a whole one.
func (e *Engine) confirmed(ctx context.Context, c *claim, r *resident, o *outcome) error {
	var whole *mdc.Session
	anchored := e.cfg.Policies.SessionPolicy().Anchored
	err := e.change(ctx, r, func(s *mdc.Session) bool {
		whole = s
		if anchored {
			s.CreatedAt = after(s.CreatedAt, o.session.CreatedAt, e.now())
		}
		s.Scheme, s.Methods = o.session.Scheme, o.session.Methods
		s.Attributes, s.Groups, s.Level, s.ClientAddress = o.session.Attributes, o.session.Groups, o.session.Level, o.session.ClientAddress
		s.DegradedSince = nil
		for _, m := range e.members(o) {
			s.Members = addCluster(s.Members, m)
		}
		return true
	}, func(w store.Writer) error {
		if err := w.Delete(keyPending(c.SSOID)); err != nil {
			return err
		}
		if err := e.append(ctx, w, confirmedBy(whole, o.from)); err != nil {
			return err
		}
		return e.tellMembers(w, c, whole, e.members(o))
	})
	e.nudge()
	return err
}

func confirmedBy(s *mdc.Session, cluster string) audit.Event {
	ev := about(s, actConfirm, AdoptedFound)
	ev.Actor, ev.Detail = systemActor, "by "+cluster
	return ev
}

// unconfirmed ends a degraded session and keeps its sign-on from being taken from a cookie again.
func (e *Engine) unconfirmed(ctx context.Context, c *claim, r *resident) error {
	err := e.cfg.Sessions.Update(ctx, func(w store.Writer) error {
		record := &pendingRecord{Since: c.AuthenticatedAt, Denied: true}
		return record.write(w, &mdc.Session{SSOID: c.SSOID, ExpiresAt: c.ExpiresAt}, e.now())
	})
	if err != nil {
		return fmt.Errorf("deny %s: %w", c.SSOID, err)
	}
	if r == nil {
		return nil
	}
	return e.end(ctx, r.session.Load(), endUnconfirmed)
}

func (e *Engine) forget(ctx context.Context, c *claim) error {
	return e.cfg.Sessions.Update(ctx, func(w store.Writer) error { return w.Delete(keyPending(c.SSOID)) })
}
