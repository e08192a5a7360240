package app

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
)

const (
	stillLimit = 2 * time.Second        // with what a watch takes, less than the five seconds that docs/etcd.md promises
	stillBeat  = 250 * time.Millisecond // how often it is noticed that the node does not stand still
	rereadTime = 3 * time.Second        // for reading anew; then the node goes on from memory, as it does without a quorum
)

// standstill keeps a node from answering by what was true before it stood still, as a paused virtual machine does: sign-ons may have
// been ended at other nodes, whose news lie in the same sockets as the requests (FLT-31). The first request, or the next beat, notices it;
// requests then wait until what this node remembers was read anew. nil is a node that shares its store with none.
type standstill struct {
	clock  clock.Clock
	log    *slog.Logger
	reread func(context.Context) error

	beat    atomic.Pointer[time.Time]     // when the node was last seen to move
	reading atomic.Pointer[chan struct{}] // closed when it has been read anew; nil = it moves
	mu      sync.Mutex                    // guards changes of both
	begin   chan struct{}                 // capacity 1
}

func (n *Node) openStandstill(context.Context) error {
	if n.shared() {
		n.still = newStandstill(n.opts.Clock, n.log, n.rereadAll)
	}
	return nil
}

// shares is a part that keeps something of what other nodes write.
type shares struct {
	follow func(context.Context) error // until its context ends
	reread func(context.Context) error
}

// sharing are the parts that do, in the order in which they are read anew: the sign-ons first, roots before the journal, whose news have
// the trust read again, and then what counts by the journal.
func (n *Node) sharing() []shares {
	return []shares{
		{n.engine.RunNode, n.engine.Reread},
		{n.authority.Follow, n.authority.Reread},
		{n.followJournal, n.journal.Reread},
		{n.pairings.Follow, n.pairings.Reread},
		{n.feed.Follow, n.feed.Reread},
		{n.follower.Follow, n.follower.Reread},
		{n.publisher.Follow, n.publisher.Reread},
	}
}

// rereadAll reads all of it anew. One that cannot be read keeps the others from nothing.
func (n *Node) rereadAll(ctx context.Context) error {
	var errs []error
	for _, part := range n.sharing() {
		errs = append(errs, part.reread(ctx))
	}
	return errors.Join(errs...)
}

func newStandstill(c clock.Clock, log *slog.Logger, reread func(context.Context) error) *standstill {
	s := &standstill{clock: c, log: log, reread: reread, begin: make(chan struct{}, 1)}
	now := c.Now()
	s.beat.Store(&now)
	return s
}

// Run beats and reads anew until ctx ends.
func (s *standstill) Run(ctx context.Context) error {
	both, ctx := errgroup.WithContext(ctx)
	both.Go(func() error {
		tick := time.NewTicker(stillBeat)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
				s.notice(true)
			}
		}
	})
	both.Go(func() error {
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-s.begin:
				s.readAnew(ctx)
			}
		}
	})
	return both.Wait()
}

// before has requests wait where they must.
func (s *standstill) before(next http.Handler) http.Handler {
	if s == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if reading := s.notice(false); reading != nil {
			select {
			case <-*reading:
			case <-r.Context().Done():
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// notice gives what to wait for; nil = nothing. The way of most requests takes no lock.
func (s *standstill) notice(beat bool) (reading *chan struct{}) {
	now := s.clock.Now()
	if now := since(now, *s.beat.Load()); now <= stillLimit && !beat {
		return s.reading.Load()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now = s.clock.Now() // it may have stood still right here
	still := since(now, *s.beat.Load())
	if still > stillLimit {
		s.log.Warn("this node stood still and reads anew what others did meanwhile", "for", still)
		if s.reading.Load() == nil {
			c := make(chan struct{})
			s.reading.Store(&c)
		}
		select {
		case s.begin <- struct{}{}:
		default: // it begins anyhow
		}
	}
	s.beat.Store(&now)
	return s.reading.Load()
}

// since goes by both clocks: a machine that sleeps stops the monotonic one.
func since(now, before time.Time) time.Duration {
	return max(now.Sub(before), now.Round(0).Sub(before.Round(0)))
}

// readAnew lets the requests go that wait, once nothing stands still any more.
func (s *standstill) readAnew(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, rereadTime)
	defer cancel()
	if err := s.reread(limited); err != nil && ctx.Err() == nil {
		s.log.Warn("what others did while this node stood still cannot be read; it goes on by what it knows until it can", "error", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.begin) == 0 { // else it stood still once more meanwhile
		close(*s.reading.Swap(nil))
	}
}
