package ldap

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// turns bound how many connections of one use are in hand.
type turns chan struct{}

func newTurns(n int) turns { return make(turns, max(1, n)) }

// enter waits for a turn, no longer than one question may take.
func (t turns) enter(ctx context.Context, limit time.Duration) error {
	select {
	case t <- struct{}{}:
		return nil
	default:
	}
	wait := time.NewTimer(limit)
	defer wait.Stop()
	select {
	case t <- struct{}{}:
		return nil
	case <-wait.C:
		return errBusy
	case <-ctx.Done():
		return fmt.Errorf("wait for a connection: %w", ctx.Err())
	}
}

// with does work over a connection to the first server, in the declared order, that answers. work may run again at the next
// one: it only asks. Its error is that of the server that answered, or tells of each why it did not.
func (s *Store) with(ctx context.Context, u use, work func(*line) error) error {
	t := s.turns[u]
	if err := t.enter(ctx, s.cfg.Settings.RequestTimeout.D()); err != nil {
		return err
	}
	defer func() { <-t }()
	var all []error
	for _, sv := range s.servers {
		may, trial := sv.asks(time.Now())
		if !may {
			continue
		}
		err := sv.try(ctx, u, work)
		if answered(u, err) {
			sv.up()
			return err
		}
		if ctx.Err() != nil { // it is our time that is over; the server may be slow, and may be not
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				sv.down(time.Now(), trial)
			}
			return errors.Join(append(all, err)...)
		}
		sv.down(time.Now(), trial)
		s.log.Warn("a server of the directory does not answer", "server", sv.url, "error", brief(err))
		all = append(all, err)
	}
	if len(all) == 0 {
		return errAllDown
	}
	return errors.Join(all...)
}

// try does work at one server: over a connection that is there, and once more over a new one when that one turns out to be
// dead.
func (s *server) try(ctx context.Context, u use, work func(*line) error) error {
	for fresh := false; ; fresh = true {
		l, pooled, err := s.take(ctx, u, fresh)
		if err != nil {
			return err
		}
		err = work(l)
		if answered(u, err) && !l.conn.IsClosing() {
			s.give(u, l)
			return err
		}
		l.close()
		if answered(u, err) || !pooled || ctx.Err() != nil {
			return err
		}
		s.forget()
	}
}
