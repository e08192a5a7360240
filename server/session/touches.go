package session

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session/revocation"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// maxTouches is how many sign-ons wait for one partner. What is beyond is left out: before a session ends for idleness its
// members are asked.
const maxTouches = 100_000

// news are the last accesses of sign-ons that members have not been told. They are not durable, and not repeated.
type news struct {
	mu sync.Mutex // guards by
	by map[string]map[mdc.SSOID]int64
}

func (n *news) add(partner string, sso mdc.SSOID, ms int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	k := mdc.FoldName(partner)
	if n.by == nil {
		n.by = make(map[string]map[mdc.SSOID]int64)
	}
	if n.by[k] == nil {
		n.by[k] = make(map[mdc.SSOID]int64)
	}
	if len(n.by[k]) < maxTouches {
		n.by[k][sso] = max(n.by[k][sso], ms)
	}
}

// take gives a batch and forgets it.
func (n *news) take(partner string) (events []Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	waiting := n.by[mdc.FoldName(partner)]
	for sso, ms := range waiting {
		if len(events) == maxEvents {
			break
		}
		events = append(events, Event{ID: string(sso), Kind: KindTouch, SSOID: sso, At: time.UnixMilli(ms).UTC()})
		delete(waiting, sso)
	}
	return events
}

// sendTouches tells a partner the last accesses that wait for it.
func (e *Engine) sendTouches(ctx context.Context, partner string) error {
	for {
		events := e.news.take(partner)
		if len(events) == 0 {
			return nil
		}
		if err := e.cfg.Peers.SendEvents(ctx, partner, events); err != nil {
			return fmt.Errorf("send last accesses to %s: %w", partner, err)
		}
	}
}

// receiveTouches raises last accesses. Neither they nor anything else moves the absolute expiry. Members are believed: each
// was given the session from here, has shown the proof, or was shown it (SEC-47).
func (e *Engine) receiveTouches(ctx context.Context, from string, events []Event) error {
	if len(events) == 0 {
		return nil
	}
	now := e.now()
	stored := make(map[*mdc.Session]int64)
	err := e.cfg.Sessions.View(ctx, func(r store.Reader) error {
		clear(stored)
		for _, ev := range events {
			s, err := readVia(r, keySSO(ev.SSOID))
			if err != nil {
				return err
			}
			if s == nil || !ev.entitled(from, s) || ev.At.After(now.Add(revocation.Skew)) {
				continue
			}
			stored[s] = min(ev.At.UnixMilli(), now.UnixMilli())
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read touched sessions: %w", err)
	}
	return e.raiseAll(ctx, stored, now)
}

func (e *Engine) raiseAll(ctx context.Context, latest map[*mdc.Session]int64, now time.Time) error {
	for s, ms := range latest {
		if r, ok := e.residents.get(s.ID); ok {
			e.raise(r, ms)
			delete(latest, s)
		}
	}
	if len(latest) == 0 {
		return nil
	}
	err := e.cfg.Sessions.Update(ctx, func(w store.Writer) error {
		for s, ms := range latest {
			current, err := readSession(w, s.ID) // it may have ended since it was read
			if err != nil || current == nil {
				if err != nil {
					return err
				}
				continue
			}
			last, err := readAccess(w, current)
			if err != nil {
				return err
			}
			if ms <= last.UnixMilli() {
				continue
			}
			if err := w.Put(keyAccess(s.ID), binary.BigEndian.AppendUint64(nil, uint64(ms)), ttl(s, now)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("write touched sessions: %w", err)
	}
	for s, ms := range latest {
		if id, ok := parse128(string(s.ID)); ok {
			e.packed.Raise(id.slab(), ms)
		}
	}
	return nil
}

// LastAccess tells the partner from when sign-ons were used last here; zero where there is no session that it is a member
// of. Errors: fault kinds Forbidden, Invalid, TooLarge, Unavailable.
func (e *Engine) LastAccess(ctx context.Context, from string, ssos []mdc.SSOID) ([]time.Time, error) {
	if err := e.checkCaller(from); err != nil {
		return nil, err
	}
	if len(ssos) > maxEvents {
		return nil, fault.New(fault.TooLarge, "too_large", "At most %d sign-ons can be asked about at a time.", maxEvents)
	}
	out := make([]time.Time, len(ssos))
	for i, sso := range ssos {
		if _, ok := parse128(string(sso)); !ok {
			return nil, fault.New(fault.Invalid, "invalid_input", "Sso ids are 128 bits each.")
		}
		s, last, err := e.lookUp(ctx, "", sso)
		if err != nil {
			return nil, err
		}
		if s != nil && containsCluster(s.Members, from) {
			out[i] = e.latestAccess(s.ID, last)
		}
	}
	return out, nil
}

// usedElsewhere asks the members of a session that is idle here; true when one of them has seen it since. Parallel requests
// share the questions, and members are not asked again at once: silence ends the session.
func (e *Engine) usedElsewhere(ctx context.Context, r *resident, idle time.Duration, now time.Time) bool {
	s := r.session.Load()
	var ask []string
	for _, member := range s.Members {
		if e.registered(member) {
			ask = append(ask, member)
		}
	}
	if len(ask) == 0 {
		return false
	}
	fresh := func() bool { return now.UnixMilli()-r.last.Load() < idle.Milliseconds() }
	_, _, _ = e.flights.Do("idle "+string(s.SSOID), func() (any, error) {
		asked := r.asked.Load()
		if fresh() || asked != 0 && now.UnixMilli()-asked < e.flushEvery().Milliseconds() {
			return nil, nil
		}
		r.asked.Store(now.UnixMilli())
		e.askMembers(context.WithoutCancel(ctx), r, ask, fresh, now)
		return nil, nil
	})
	return fresh()
}

func (e *Engine) askMembers(ctx context.Context, r *resident, members []string, fresh func() bool, now time.Time) {
	ctx, cancel := context.WithTimeout(ctx, e.cfg.Policies.SessionPolicy().RetrievalMaxWait.D())
	defer cancel()
	s := r.session.Load()
	var all sync.WaitGroup
	for _, member := range members {
		all.Go(func() {
			last, err := e.cfg.Peers.LastAccess(ctx, member, []mdc.SSOID{s.SSOID})
			if err != nil || len(last) != 1 {
				e.cfg.Logger.Debug("member does not say when a sign-on was used last", "partner", member, "sso_id", s.SSOID, "error", err)
				return
			}
			if !last[0].After(now.Add(revocation.Skew)) {
				e.raise(r, min(last[0].UnixMilli(), now.UnixMilli()))
			}
			if fresh() {
				cancel() // one is enough
			}
		})
	}
	all.Wait()
}
