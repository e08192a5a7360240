package badger

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	engine "github.com/dgraph-io/badger/v4"

	"github.com/concord-access/terraform-provider-concord/server/store"
)

// snapshot is a read-only Badger transaction that all views since one commit share; only the committer writes, so each would read the same.
// The store numbers the versions itself (Badger calls that managed): Badger's own numbers pass through two goroutines for each commit. Badger's read-only transactions keep no state of their reads and may be read from many goroutines.
type snapshot struct {
	txn  *engine.Txn
	refs atomic.Int64 // the store's own and one for each view; 0 = discarded
	live *versions

	spoiled atomic.Bool // a read of it panicked: see damaged
}

// publishSnapshot lets later views see all that is committed up to version. Called by Open and then only by the committer.
func (s *Store) publishSnapshot(version uint64) {
	next := &snapshot{txn: s.db.NewTransactionAt(version, false), live: &s.live}
	next.refs.Store(1)
	s.live.begin(version)
	if last := s.current.Swap(next); last != nil {
		last.release()
	}
}

// acquire gives the current snapshot, to be released, or ErrClosed.
func (s *Store) acquire() (*snapshot, error) {
	for {
		snap := s.current.Load()
		if snap == nil {
			return nil, store.ErrClosed
		}
		if snap.retain() {
			return snap, nil
		}
	}
}

// retain fails when the snapshot is already discarded; then a newer one is published.
func (p *snapshot) retain() bool {
	for {
		n := p.refs.Load()
		if n == 0 {
			return false
		}
		if p.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (p *snapshot) release() {
	if p.refs.Add(-1) > 0 {
		return
	}
	if !p.spoiled.Load() {
		p.txn.Discard()
	}
	p.live.end(p.txn.ReadTs())
}

// view is the Reader of one View.
type view struct {
	s    *Store
	snap *snapshot
	ctx  context.Context // that of the View, for its ranges
}

// Get reads one key.
func (v view) Get(key []byte) ([]byte, error) { return v.s.get(v.snap, key) }

// Range walks the snapshot.
func (v view) Range(sp store.Span, visit func(key, value []byte) error) error {
	return v.s.scan(v.snap, nil, sp, v.interrupted, visit)
}

func (v view) interrupted() error {
	if v.s.closing.Load() {
		return store.ErrClosed
	}
	return v.ctx.Err()
}

// get reads key from the database alone.
func (s *Store) get(snap *snapshot, key []byte) (value []byte, err error) {
	raw, err := s.raw(snap, key)
	if err != nil {
		return nil, err
	}
	return s.decode(raw)
}

// raw is get of the stored form, which may have expired. It is never nil without an error.
func (s *Store) raw(snap *snapshot, key []byte) (raw []byte, err error) {
	defer s.damaged(snap, &err)
	item, err := snap.txn.Get(key)
	if err != nil {
		if errors.Is(err, engine.ErrKeyNotFound) {
			return nil, store.ErrNotFound
		}
		return nil, fmt.Errorf("get key: %w", err)
	}
	if raw, err = item.ValueCopy(nil); err != nil {
		return nil, fmt.Errorf("get value: %w", err)
	}
	if raw == nil { // an empty one is damaged, and is found to be when it is decoded
		raw = []byte{}
	}
	return raw, nil
}

// decode gives the value in raw, or ErrNotFound when it has expired.
func (s *Store) decode(raw []byte) ([]byte, error) {
	value, expires, err := unwrap(raw)
	if err != nil {
		return nil, err
	}
	if expires != 0 && expires <= s.now() {
		return nil, store.ErrNotFound
	}
	return value, nil
}

// damaged turns a panic of Badger during a read into an error: over a damaged table, and after it failed to create its next
// log, which leaves it without one. Badger then still counts an iterator that nobody has, so the snapshot is left to the
// garbage collector instead of being discarded.
func (s *Store) damaged(snap *snapshot, err *error) {
	p := recover()
	if p == nil {
		return
	}
	snap.spoiled.Store(true)
	*err = fmt.Errorf("read database: panic: %v", p)
	if broken := s.broken.Load(); broken != nil {
		*err = broken
	}
}
