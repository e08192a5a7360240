package session

import (
	"context"
	"fmt"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// find looks for the session of a cookie, for a claim that was sealed here or by a
// partner. r is nil when the person must sign in; rule says why. given is the answer of a partner that was asked already,
// or nil. An error means that this data center could not decide.
func (e *Engine) find(ctx context.Context, c *claim, given *outcome) (r *resident, rule string, err error) {
	now := e.now()
	if !c.ExpiresAt.After(now) || !c.Until.After(now) {
		return nil, ChallengeExpired, nil
	}
	if e.log.Denies(c.SSOID, c.userKey(), c.AuthenticatedAt) {
		return nil, ChallengeTombstone, nil
	}
	r, rule, err = e.local(ctx, c)
	if err != nil || (r == nil && rule != "") {
		return nil, rule, err
	}
	if r == nil || r.stale(now, e.cfg.Policies.SessionPolicy().MaxDegradedAge.D()) {
		if r, rule, err = e.adopt(ctx, c, given); err != nil || r == nil {
			return nil, rule, err
		}
	}
	challenge, err := e.admit(ctx, r, c.Seen, now)
	if err != nil || challenge != "" {
		return nil, challenge, err
	}
	return r, rule, nil
}

// local finds a session of this data center. r is nil with a rule when there is one that does not fit, and without when
// there is none.
func (e *Engine) local(ctx context.Context, c *claim) (r *resident, rule string, err error) {
	if r, ok := e.residents.get(c.ID); ok && c.fits(r.session.Load()) {
		return r, FoundLocal, nil
	}
	r, rule, err = e.read(ctx, c)
	if err != nil || r == nil {
		return nil, rule, err
	}
	if rule == FoundSSO {
		err = e.index(ctx, r, c.ID)
	}
	return r, rule, err
}

// read unpacks it or takes it from the store, under the sign-on's lock so that a session that is being ended is not held again.
func (e *Engine) read(ctx context.Context, c *claim) (r *resident, rule string, err error) {
	defer e.lock(c.SSOID)()
	ends, before := e.ends.Load(), e.unwritten(c.ID) // looked at first: what is written meanwhile is read
	s, last, packed := e.kept(c.ID)
	if packed && c.fits(s) {
		return e.stands(ctx, newResident(s, latest(last, before)), FoundLocal, ends)
	}
	err = e.cfg.Sessions.View(ctx, func(r store.Reader) error {
		if s, rule, err = readAny(r, c.ID, c.SSOID); err != nil || s == nil {
			return err
		}
		last, err = readAccess(r, s)
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("read session %s: %w", c.ID, err)
	}
	if s == nil {
		return nil, "", nil
	}
	if !c.fits(s) {
		return nil, ChallengeMismatch, nil
	}
	e.keep(s, last)
	return e.stands(ctx, newResident(s, latest(last, before)), rule, ends)
}

// stands holds what read has found, unless it has ended since.
func (e *Engine) stands(ctx context.Context, found *resident, rule string, ends uint64) (*resident, string, error) {
	r, stands, err := e.holdRead(ctx, found, ends)
	if err != nil || !stands {
		return nil, "", err
	}
	return r, rule, nil
}

func latest(last, other time.Time) time.Time {
	if other.After(last) {
		return other
	}
	return last
}

// readAny looks by id, by index, by sign-on.
func readAny(r store.Reader, id mdc.SessionID, sso mdc.SSOID) (s *mdc.Session, rule string, err error) {
	if s, err = readSession(r, id); err != nil || s != nil {
		return s, FoundLocal, err
	}
	if s, err = readVia(r, keyIndex(id)); err != nil || s != nil {
		return s, FoundIndex, err
	}
	s, err = readVia(r, keySSO(sso))
	return s, FoundSSO, err
}

// held gives the resident of a stored session.
func (e *Engine) held(ctx context.Context, s *mdc.Session) (*resident, error) {
	if r, ok := e.residents.get(s.ID); ok {
		return r, nil
	}
	defer e.lock(s.SSOID)()
	before := e.unwritten(s.ID)
	var last time.Time
	current, ends := s, e.ends.Load()
	err := e.cfg.Sessions.View(ctx, func(r store.Reader) (err error) {
		if current, err = readSession(r, s.ID); err != nil || current == nil {
			return err
		}
		last, err = readAccess(r, current)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read session %s: %w", s.ID, err)
	}
	if current == nil { // ended meanwhile: a change of it does nothing
		return newResident(s, s.LastAccess), nil
	}
	e.keep(current, last)
	r, _, err := e.holdRead(ctx, newResident(current, latest(last, before)), ends)
	return r, err
}

// index lets a session answer for one more incoming id (OAM-17); beyond mdc.MaxIndex the oldest goes, and is found by its
// sign-on.
func (e *Engine) index(ctx context.Context, r *resident, incoming mdc.SessionID) error {
	return e.change(ctx, r, func(s *mdc.Session) bool {
		if incoming == s.ID || answersFor(s, incoming) {
			return false
		}
		from := max(0, len(s.Index)+1-mdc.MaxIndex)
		s.Index = append(append([]mdc.SessionID(nil), s.Index[from:]...), incoming)
		return true
	}, alone)
}

func answersFor(s *mdc.Session, id mdc.SessionID) bool {
	for _, known := range s.Index {
		if known == id {
			return true
		}
	}
	return s.ID == id
}
