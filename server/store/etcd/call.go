package etcd

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

const (
	// attempts is how often a call is sent at most within its time limit when nobody answers: a member that was stopped keeps
	// its connections open, and the next attempt goes to another one.
	attempts = 3

	pauseLeast, pauseMost = 10 * time.Millisecond, 250 * time.Millisecond
)

// call runs op until it succeeds, fails for good, or the time limit is over. The error is a fault, store.ErrClosed, ctx's own,
// or one whose nature the caller knows to handle (compacted, unleased, tooLong), as it came. op may be sent more than once.
func (s *Store) call(ctx context.Context, op func(ctx context.Context, attempt int) error) error {
	limited, cancel := context.WithTimeout(ctx, s.cfg.RequestTimeout)
	defer cancel()
	stop := context.AfterFunc(s.life, cancel)
	defer stop()
	pause := pauseLeast
	for attempt := 0; ; attempt++ {
		one, done := context.WithTimeout(clientv3.WithRequireLeader(limited), s.cfg.RequestTimeout/attempts)
		err := op(one, attempt)
		done()
		switch {
		case err == nil:
			s.trouble.Store(nil)
			return nil
		case s.life.Err() != nil:
			return store.ErrClosed
		case ctx.Err() != nil:
			return ctx.Err()
		}
		switch s.natureOf(err) {
		case compacted, unleased, tooLong:
			return err
		case final:
			return s.noteTrouble(explain(err))
		}
		if limited.Err() != nil || !wait(limited, jitter(pause)) {
			if given(err) {
				err = errors.Join(err, s.lastLink())
			}
			return s.noteTrouble(explain(fmt.Errorf("after %d attempts in %v: %w", attempt+1, s.cfg.RequestTimeout, err)))
		}
		pause = min(2*pause, pauseMost)
	}
}

func (s *Store) noteTrouble(f *fault.Error) *fault.Error {
	if f.Code == CodeFull {
		s.noteFull(f)
	}
	if s.trouble.Swap(f) == nil {
		s.cfg.Logger.Error("etcd is in trouble", "space", s.cfg.Space, "error", f.Err)
	}
	return f
}

// wait is false when ctx ended first.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// jitter gives half to all of d, so that nodes which failed together do not come again together.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) }
