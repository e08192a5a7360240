package badger

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	engine "github.com/dgraph-io/badger/v4"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/store/group"
	"github.com/concord-access/terraform-provider-concord/server/store/mirror"
)

// Store is a store.Store on one Badger database. Make one with Open.
type Store struct {
	cfg       Config // normal
	db        *engine.DB
	limits    store.Limits
	queue     *group.Queue
	committer *committer
	log       *syncedLog
	changes   *changes
	space     *spaceGuard
	mirror    *mirror.Mirror // nil without a MirrorConfig
	lost      uint64         // see LostCommits

	current atomic.Pointer[snapshot] // what a View reads; nil when closed
	live    versions                 // of snapshots not yet discarded
	closing atomic.Bool              // long ranges end when it is set
	latest  atomic.Int64             // Unix seconds, the latest time that a read has seen
	broken  atomic.Pointer[fault.Error]
}

var _ store.Store = (*Store)(nil)

// View runs fn on the snapshot that the last committed group left. It takes no lock and never waits for a writer.
// A range that is under way when ctx ends or the store closes stops with ctx.Err() or store.ErrClosed.
func (s *Store) View(ctx context.Context, fn func(store.Reader) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	snap, err := s.acquire()
	if err != nil {
		return err
	}
	defer snap.release()
	return fn(view{s: s, snap: snap, ctx: ctx})
}

// Update queues fn for the committer and waits for its answer. When ctx ends before fn has run, fn is skipped and the
// answer is ctx.Err(); once fn runs, the answer is that of its group. fn runs on one of the committer's goroutines, one fn at
// a time, and must not call Update or Close. It may see writes that are not durable yet: then they are before it is answered. A View within it sees
// neither its group nor the one before. A panic in fn becomes its error. After a failed commit every answer is a fault of kind Unavailable
// with code "storage_failed"; while the disk is nearly full it is one with code "storage_full".
func (s *Store) Update(ctx context.Context, fn func(store.Writer) error) error {
	return s.queue.Do(ctx, fn)
}

// Limits are the bounds of one transaction: with a memtable of 64 MiB 52,428 writes and 8 MiB. One key has at most 60,000
// bytes, one value a little under 1 MiB; more is ErrTooLarge as well.
func (s *Store) Limits() store.Limits { return s.limits }

// Mirrored gives what the mirror file held when the store was opened: the value of the newest sound slot. found is false
// without a mirror, when nothing was ever mirrored, or when the last commit deleted the key.
func (s *Store) Mirrored() (value []byte, found bool) {
	if s.mirror == nil {
		return nil, false
	}
	opened := s.mirror.Opened()
	return opened.Value, opened.Present
}

// LostCommits is how many acknowledged commits the database lacked when it was opened, as far as the mirror's file knows: 0 for
// a sound one, whose newest changes are all there even if they did not touch the mirrored key (FLT-07).
func (s *Store) LostCommits() uint64 { return s.lost }

// Health is nil when the store can take updates, else the fault that they get: "storage_failed", "storage_full", or
// store.ErrClosed.
func (s *Store) Health() error {
	if s.closing.Load() {
		return store.ErrClosed
	}
	if e := s.broken.Load(); e != nil {
		return e
	}
	return s.space.check()
}

// Close answers what is queued, ends watches and long ranges, waits for the views under way and releases the files.
// It must not be called from within an update or a view.
func (s *Store) Close() error {
	if s.closing.Swap(true) {
		return store.ErrClosed
	}
	s.queue.Close()
	<-s.committer.stopped
	s.changes.close()
	if last := s.current.Swap(nil); last != nil {
		last.release()
	}
	s.live.wait()
	err := firstError(s.closeEngine(), s.log.close())
	if s.mirror != nil {
		err = firstError(err, s.mirror.Close())
	}
	if err != nil {
		return fmt.Errorf("close store %s: %w", s.cfg.Dir, err)
	}
	return nil
}

// closeEngine waits for Badger, but not for ever once the store has failed: Badger then may try again and again to flush
// what its synced logs hold anyway.
func (s *Store) closeEngine() error {
	if s.broken.Load() == nil {
		return s.db.Close()
	}
	closed := make(chan error, 1)
	go func() {
		var err error
		defer func() { closed <- err }()
		defer recovered(&err)
		err = s.db.Close()
	}()
	select {
	case err := <-closed:
		return err
	case <-time.After(brokenCloseWait):
		return errors.New("badger does not end; what it acknowledged is in its logs")
	}
}

const brokenCloseWait = 3 * time.Second

// fail stops all later updates for good. A sync that failed once may succeed the next time although the pages it should
// have written are gone, so nothing may be acknowledged after it (FLT-05).
func (s *Store) fail(cause error) *fault.Error {
	e := fault.New(fault.Unavailable, "storage_failed",
		"This server could not write to its disk and takes no more changes. Check the disk of %s and restart the server.", s.cfg.Dir)
	e.Err = cause
	if s.broken.CompareAndSwap(nil, e) {
		s.cfg.Logger.Error("store takes no more updates", "dir", s.cfg.Dir, "error", cause)
	}
	return e
}

// now is the time in Unix seconds. It never goes back, so that a key once expired stays so when the machine's clock is set
// back.
func (s *Store) now() int64 {
	t := s.cfg.Clock.Now().Unix()
	for {
		seen := s.latest.Load()
		if t <= seen {
			return seen
		}
		if s.latest.CompareAndSwap(seen, t) {
			return t
		}
	}
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
