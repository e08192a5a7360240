package etcd

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/store/group"
	"github.com/concord-access/terraform-provider-concord/server/store/mirror"
)

// Store is a store.Store on a part of an etcd cluster. Make one with Open.
type Store struct {
	cfg       Config // normal
	client    *clientv3.Client
	links     links
	base      string // before each of the store's keys
	guardKey  string
	recordKey string // of a group's transactions
	turnKey   string // see turn.go
	queue     *group.Queue
	committer *committer
	cache     cache
	mirror    *mirror.Mirror // nil without a MirrorConfig
	lost      uint64         // see LostCommits

	life    context.Context // of every call
	end     context.CancelFunc
	closing context.Context // ended when the store begins to close: views and watches end
	close   context.CancelFunc
	closed  atomic.Bool
	latest  atomic.Int64 // Unix seconds, the latest time that a read has seen

	live     sync.WaitGroup // views, watches and flights under way
	mu       sync.Mutex     // guards boarding, and live against Close
	boarding *flight
	runways  chan struct{}
	watches  watches

	trouble, full, mirrorTrouble, broken atomic.Pointer[fault.Error]
}

var _ store.Store = (*Store)(nil)

// Open connects to the cluster, claims the prefix and starts the committer. A fault of kind Unavailable when no quorum answers
// within the request's time limit, or when the cluster refuses the node or its limits are too low; of kind Conflict with code "prefix_in_use" when the
// prefix belongs to another data center. mirror.ErrUnreadable says that the mirror file is there and no part of it is sound.
func Open(ctx context.Context, cfg Config) (_ *Store, err error) {
	if cfg, err = cfg.normal(); err != nil {
		return nil, err
	}
	s := newStore(cfg)
	defer func() {
		if err != nil {
			_ = s.release() // what went wrong before is told
			err = fmt.Errorf("open store %s in etcd: %w", cfg.base(), err)
		}
	}()
	if err = s.connect(ctx); err != nil {
		return nil, err
	}
	if err = s.claim(ctx); err != nil {
		return nil, err
	}
	if err = s.tryTransactions(ctx); err != nil {
		return nil, err
	}
	if cfg.Mirror != nil {
		if s.mirror, err = mirror.Open(cfg.Mirror.Path); err != nil {
			return nil, err
		}
	}
	if err = s.countCommits(ctx); err != nil {
		return nil, err
	}
	go s.committer.run()
	return s, nil
}

func newStore(cfg Config) *Store {
	s := &Store{cfg: cfg, base: cfg.base() + "/d/", guardKey: cfg.base() + "/g", recordKey: cfg.base() + "/t", turnKey: cfg.turnKey(), runways: make(chan struct{}, flights), queue: group.NewQueue()}
	s.life, s.end = context.WithCancel(context.Background())
	s.closing, s.close = context.WithCancel(context.Background())
	s.committer = &committer{s: s, leases: leases{s: s, by: map[int64]clientv3.LeaseID{}}, stopped: make(chan struct{})}
	return s
}

// countCommits compares the number of commits with the one in the mirror's file. The cluster may be ahead: other nodes
// commit too.
func (s *Store) countCommits(ctx context.Context) error {
	snap, err := s.snapshotNow(ctx)
	if err != nil || s.mirror == nil {
		return err
	}
	if acknowledged := s.mirror.Counted(); acknowledged > snap.guard.commits {
		s.lost = acknowledged - snap.guard.commits
	}
	return nil
}

// View runs fn on the newest revision, as a quorum tells it. A range that is under way when ctx ends or the store closes stops
// with ctx.Err() or store.ErrClosed.
func (s *Store) View(ctx context.Context, fn func(store.Reader) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !s.enter() {
		return store.ErrClosed
	}
	defer s.live.Done()
	snap, err := s.snapshot(ctx)
	if err != nil {
		return err
	}
	return fn(view{s, ctx, snap})
}

// enter counts a view or a watch; false when the store is closed.
func (s *Store) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed.Load() {
		return false
	}
	s.live.Add(1)
	return true
}

// view is the Reader of one View.
type view struct {
	s    *Store
	ctx  context.Context
	snap snapshot
}

// Get reads one key.
func (v view) Get(key []byte) (value []byte, err error) {
	err = v.s.during(v.ctx, func(ctx context.Context) error {
		raw, err := v.s.get(ctx, v.snap, key)
		if err != nil {
			return err
		}
		value, err = v.s.decode(raw)
		return err
	})
	return value, err
}

// Range walks the revision.
func (v view) Range(sp store.Span, visit func(key, value []byte) error) error {
	return v.s.during(v.ctx, func(ctx context.Context) error { return v.s.visit(ctx, v.snap, sp, nil, visit) })
}

// during ends fn when the store closes.
func (s *Store) during(ctx context.Context, fn func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(s.closing, func() { cancel(store.ErrClosed) })
	defer stop()
	err := fn(ctx)
	if err != nil && context.Cause(ctx) == store.ErrClosed { //nolint:errorlint // set above, as it is
		return store.ErrClosed
	}
	return err
}

// Update queues fn for the committer and waits for its answer. When ctx ends before fn has run, fn is skipped and the answer
// is ctx.Err(); once fn runs, the answer is that of its group, which comes in bounded time. fn runs on the committer's
// goroutine: it must not call Update or Close. A panic in fn becomes its error. The faults of this package are of kind
// Unavailable; only after CodeUnknown the writes may have been made.
func (s *Store) Update(ctx context.Context, fn func(store.Writer) error) error {
	err := s.queue.Do(ctx, fn)
	if e := s.broken.Load(); e != nil && errors.Is(err, store.ErrClosed) && !s.closed.Load() {
		return e
	}
	return err
}

// Limits are the bounds of one transaction: 4,000 writes and a little over 1 MiB, whatever etcd's own settings are as long as they
// are not below its defaults (--max-txn-ops 128, --max-request-bytes 1572864).
func (s *Store) Limits() store.Limits { return store.Limits{Ops: maxOps, Bytes: maxBytes} }

// Mirrored gives what the mirror file held when the store was opened. found is false without a mirror, when nothing was ever
// mirrored, or when the last commit of this node to that key deleted it.
func (s *Store) Mirrored() (value []byte, found bool) {
	if s.mirror == nil {
		return nil, false
	}
	opened := s.mirror.Opened()
	return opened.Value, opened.Present
}

// LostCommits is how many commits that this node saw the cluster lacked when the store was opened, as far as the mirror's file
// knows (FLT-07).
func (s *Store) LostCommits() uint64 { return s.lost }

// Verify has nothing to do: etcd checks what it keeps, and compares its members by itself.
func (s *Store) Verify() error {
	if s.closed.Load() {
		return store.ErrClosed
	}
	return nil
}

// Health is nil when the last call was answered, etcd takes changes and no watch is refused or fails for five seconds, else the fault that it
// got, or store.ErrClosed.
func (s *Store) Health() error {
	if s.closed.Load() {
		return store.ErrClosed
	}
	for _, p := range []*atomic.Pointer[fault.Error]{&s.broken, &s.full, &s.trouble, &s.mirrorTrouble} {
		if e := p.Load(); e != nil {
			return e
		}
	}
	if e := s.watches.health(); e != nil {
		return e
	}
	return nil
}

// Close answers what is queued, ends watches and long ranges, waits for the views under way and leaves the cluster. It must
// not be called from within an update or a view.
func (s *Store) Close() error {
	s.mu.Lock()
	again := s.closed.Swap(true)
	s.mu.Unlock()
	if again {
		return store.ErrClosed
	}
	s.close()
	s.queue.Close()
	<-s.committer.stopped
	s.live.Wait()
	if err := s.release(); err != nil {
		return fmt.Errorf("close store %s in etcd: %w", s.cfg.base(), err)
	}
	return nil
}

func (s *Store) release() (err error) {
	s.close()
	s.end()
	if s.client != nil {
		_ = s.client.Close() // it gives the error of its context, which was ended
	}
	if s.mirror != nil {
		err = s.mirror.Close()
	}
	return err
}

// decode gives the value in raw, or ErrNotFound when there is none or it has expired.
func (s *Store) decode(raw []byte) ([]byte, error) {
	if raw == nil {
		return nil, store.ErrNotFound
	}
	value, expires, err := unwrap(raw)
	if err != nil {
		return nil, err
	}
	if s.expired(expires) {
		return nil, store.ErrNotFound
	}
	return value, nil
}

func (s *Store) expired(expires int64) bool { return expires != 0 && expires <= s.clockNow().Unix() }

// clockNow is the clock's time. It never goes back by a second or more, so that a key once expired stays so when the machine's
// clock is set back.
func (s *Store) clockNow() time.Time {
	t := s.cfg.Clock.Now()
	for {
		seen := s.latest.Load()
		if t.Unix() < seen {
			return time.Unix(seen, 0)
		}
		if t.Unix() == seen || s.latest.CompareAndSwap(seen, t.Unix()) {
			return t
		}
	}
}
