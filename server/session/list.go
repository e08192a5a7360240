package session

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session/revocation"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// maxList is the largest page.
const maxList = 1000

// ListFilter chooses sessions. Without a user all are listed.
type ListFilter struct {
	User     string    // compared without case
	SSOID    mdc.SSOID // "" = any
	Origin   string    // cluster id of where it was adopted from; "" = any
	Degraded *bool     // nil = any
}

// fits says whether a session is chosen; the user is in the keys already.
func (f ListFilter) fits(s *mdc.Session) bool {
	return (f.SSOID == "" || f.SSOID == s.SSOID) && (f.Origin == "" || s.Origin != nil && mdc.SameName(f.Origin, s.Origin.ClusterID)) &&
		(f.Degraded == nil || *f.Degraded == (s.DegradedSince != nil))
}

// List gives sessions of this data center in the order of their keys, without what must not be used any more, and the
// cursor of the next page ("" = none). Proofs are never part of it. The cursor is not authenticated: httpapi seals it.
func (e *Engine) List(ctx context.Context, f ListFilter, cursor string, limit int) (page []*mdc.Session, next string, err error) {
	prefix, err := f.prefix()
	if err != nil {
		return nil, "", err
	}
	if len(cursor) > 2*mdc.MaxName {
		return nil, "", fault.New(fault.Invalid, "invalid_input", "The cursor is not one of this list.")
	}
	limit = min(max(1, limit), maxList)
	span := store.Span{Prefix: []byte(prefix)}
	if cursor != "" {
		span.After = []byte(prefix + cursor)
	}
	err = e.cfg.Sessions.View(ctx, func(r store.Reader) error {
		return r.Range(span, func(k, _ []byte) error {
			if len(page) == limit {
				next = cursor
				return store.ErrStop
			}
			cursor = string(k[len(prefix):])
			s, err := e.listed(r, mdc.SessionID(cursor[strings.LastIndexByte(cursor, '/')+1:]))
			if s != nil && f.fits(s) {
				page = append(page, s)
			}
			return err
		})
	})
	if err != nil {
		return nil, "", fmt.Errorf("list sessions: %w", err)
	}
	return page, next, nil
}

func (f ListFilter) prefix() (string, error) {
	switch {
	case f.User == "":
		return "s/", nil
	case !mdc.ValidName(f.User):
		return "", fault.New(fault.Invalid, "invalid_input", "That is no user's name.")
	}
	return "u/" + mdc.FoldName(f.User) + "/", nil
}

// listed gives nil for what is expired, revoked or idle.
func (e *Engine) listed(r store.Reader, id mdc.SessionID) (*mdc.Session, error) {
	s, err := readSession(r, id)
	if err != nil || s == nil {
		return nil, err
	}
	last, err := readAccess(r, s)
	if err != nil {
		return nil, err
	}
	return e.live(s, last), nil
}

func (e *Engine) live(s *mdc.Session, last time.Time) *mdc.Session {
	now := e.now()
	c := *s
	c.ProofHash, c.LastAccess = nil, e.latestAccess(s.ID, last)
	idle := now.Sub(c.LastAccess) >= e.cfg.Policies.SessionPolicy().IdleTimeout.D()
	if idle || !s.ExpiresAt.After(now) || e.log.Denies(s.SSOID, revocation.UserKey(s.Store, s.User), s.AuthenticatedAt) {
		return nil
	}
	return &c
}

// Get gives one session of this data center, without proof; a fault of kind NotFound when there is none to be used.
func (e *Engine) Get(ctx context.Context, id mdc.SessionID) (s *mdc.Session, err error) {
	absent := fault.New(fault.NotFound, "not_found", "There is no session of that id in this data center.")
	if _, ok := parse128(string(id)); !ok {
		return nil, absent
	}
	err = e.cfg.Sessions.View(ctx, func(r store.Reader) (err error) {
		s, err = e.listed(r, id)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read session %s: %w", id, err)
	}
	if s == nil {
		return nil, absent
	}
	return s, nil
}
