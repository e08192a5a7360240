package etcd

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/concord-access/terraform-provider-concord/server/store"
)

// What a watch keeps for a reader that is slower than the writers; beyond it the reader gets ErrCompacted.
const (
	keptTransactions = 4096
	keptBytes        = 32 << 20
)

// Watch gives fn the events of transactions after from; see store.Store. Revisions are etcd's: they mean the same on every node
// and after a restart, for as long as etcd keeps its history. The end of a time to live is an event too, some time after
// the key was seen no more. Without a quorum nothing comes, and afterwards nothing is missing.
func (s *Store) Watch(ctx context.Context, prefix []byte, from store.Revision, fn func([]store.Event) error) error {
	if !s.enter() {
		return store.ErrClosed
	}
	defer s.live.Done()
	var own error
	err := s.during(ctx, func(ctx context.Context) error {
		return s.watch(ctx, prefix, from, func(e []store.Event) error {
			own = fn(e)
			return own
		})
	})
	if own != nil {
		return own
	}
	if ctx.Err() != nil {
		return nil //nolint:nilerr // the watcher ended it
	}
	return err
}

// Revision is a revision at or after the last commit, to watch from.
func (s *Store) Revision(ctx context.Context) (store.Revision, error) {
	if !s.enter() {
		return 0, store.ErrClosed
	}
	defer s.live.Done()
	snap, err := s.snapshot(ctx)
	if err != nil {
		return 0, err
	}
	return store.Revision(snap.revision)*perRevision + perRevision - 1, nil
}

func (s *Store) watch(ctx context.Context, prefix []byte, from store.Revision, fn func([]store.Event) error) error {
	w := s.watches.begin(s)
	defer s.watches.end(w)
	pause := pauseLeast
	for {
		snap, err := s.snapshot(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && !wait(ctx, jitter(pause)):
			return ctx.Err()
		case err != nil:
			pause = min(2*pause, pauseMost)
			continue
		case from == 0:
			from = store.Revision(snap.revision)*perRevision + perRevision - 1
		case int64(from/perRevision) > snap.revision:
			return store.ErrCompacted
		}
		before := from
		if from, err = s.follow(ctx, prefix, from, w, fn); err != nil {
			return err
		}
		most := pauseMost
		if w.refused() {
			most = pauseRefused
		}
		if pause = min(2*pause, most); from != before {
			pause = pauseLeast
		}
		if !wait(ctx, jitter(pause)) {
			return ctx.Err()
		}
	}
}

// follow watches until the connection's member is no use any more, and gives the last revision that fn has seen.
func (s *Store) follow(ctx context.Context, prefix []byte, from store.Revision, w *watching, fn func([]store.Event) error) (store.Revision, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	in := &inbox{s: s, w: w, prefix: prefix, from: from, news: make(chan struct{}, 1)}
	answers := s.client.Watch(clientv3.WithRequireLeader(ctx), s.cfg.base()+"/", clientv3.WithPrefix(), // the record of a group lies beside its keys
		clientv3.WithRev(max(1, int64(from/perRevision))), clientv3.WithFragment(), clientv3.WithCreatedNotify())
	var reading sync.WaitGroup
	reading.Go(func() { in.read(answers) })
	defer reading.Wait()
	defer cancel()
	for {
		select {
		case <-in.news:
		case <-ctx.Done():
			return from, ctx.Err()
		}
		taken, ended, err := in.take()
		for _, events := range taken {
			if ctx.Err() != nil {
				return from, ctx.Err()
			}
			if err := fn(events); err != nil {
				return from, err
			}
			from = events[0].Revision
		}
		if err != nil || ended {
			return from, err
		}
	}
}

// inbox holds what etcd sent and fn has not seen.
type inbox struct {
	s      *Store
	w      *watching
	prefix []byte
	from   store.Revision // what is older was seen before

	mu      sync.Mutex // guards the rest but news
	waiting [][]store.Event
	bytes   int
	ended   bool
	err     error
	news    chan struct{} // capacity 1
}

// read empties etcd's channel, whose own buffer has no bound, until it ends or too much waits here.
func (in *inbox) read(answers clientv3.WatchChan) {
	defer in.end(nil)
	for a := range answers {
		if a.CompactRevision != 0 {
			in.end(store.ErrCompacted)
			return
		}
		if err := a.Err(); err != nil {
			in.w.failed(err)
			return // it begins again, on another member
		}
		in.w.well()
		if !in.add(in.s.transactions(a.Events)) {
			return
		}
	}
}

func (in *inbox) add(all [][]store.Event) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, events := range all {
		events = slices.DeleteFunc(events, func(e store.Event) bool { return e.Revision <= in.from || !bytes.HasPrefix(e.Key, in.prefix) })
		for _, e := range events {
			in.bytes += len(e.Key) + len(e.Value)
		}
		if len(events) > 0 {
			in.waiting = append(in.waiting, events)
		}
	}
	if len(in.waiting) > keptTransactions || in.bytes > keptBytes && len(in.waiting) > 1 {
		in.waiting, in.err = nil, store.ErrCompacted
	}
	in.signal()
	return in.err == nil
}

func (in *inbox) end(err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.ended, in.err = true, errors.Join(in.err, err)
	in.signal()
}

func (in *inbox) signal() {
	select {
	case in.news <- struct{}{}:
	default:
	}
}

func (in *inbox) take() (taken [][]store.Event, ended bool, err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	taken, in.waiting, in.bytes = in.waiting, nil, 0
	return taken, in.ended, in.err
}
