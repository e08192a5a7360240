package etcd

import (
	"context"
	"encoding/binary"
	"fmt"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// commitID names one commit of one node, so that it is known again when its answer was lost.
type commitID [16]byte

// guard is what the guard key says: who committed last, and how many commits there were in the life of the store.
type guard struct {
	revision int64 // of etcd, at which it was written; 0 = never
	commits  uint64
	id       commitID
}

const guardSize = 8 + len(commitID{})

func (g guard) encode() string {
	return string(append(binary.BigEndian.AppendUint64(nil, g.commits), g.id[:]...))
}

func decodeGuard(kvs []*mvccpb.KeyValue) (guard, error) {
	if len(kvs) == 0 {
		return guard{}, nil
	}
	kv := kvs[0]
	if len(kv.Value) != guardSize {
		return guard{}, fmt.Errorf("read %s: %w", kv.Key, errForm)
	}
	return guard{kv.ModRevision, binary.BigEndian.Uint64(kv.Value), commitID(kv.Value[8:])}, nil
}

// snapshot is a revision at which everything is read, and the guard in it.
type snapshot struct {
	revision int64
	guard    guard
}

// snapshotNow asks the quorum for its newest revision.
func (s *Store) snapshotNow(ctx context.Context) (snap snapshot, err error) {
	err = s.call(ctx, func(ctx context.Context, _ int) error {
		resp, err := s.client.Get(ctx, s.guardKey)
		if err != nil {
			return err
		}
		snap.revision = resp.Header.Revision
		snap.guard, err = decodeGuard(resp.Kvs)
		return err
	})
	return snap, err
}

// flight is one question for the newest revision and those who wait for its answer. It starts after the last of them came,
// so that none is given what was before its time.
type flight struct {
	done chan struct{}
	snap snapshot
	err  error
}

// flights is how many of them are under way at once.
const flights = 4

// snapshot joins the next question.
func (s *Store) snapshot(ctx context.Context) (snapshot, error) {
	s.mu.Lock()
	f := s.boarding
	if f == nil {
		f = &flight{done: make(chan struct{})}
		s.boarding = f
		s.live.Add(1)
		go s.fly(f) // ends in bounded time; Close waits for it
	}
	s.mu.Unlock()
	select {
	case <-f.done:
		return f.snap, f.err
	case <-ctx.Done():
		return snapshot{}, ctx.Err()
	case <-s.closing.Done():
		return snapshot{}, store.ErrClosed
	}
}

func (s *Store) fly(f *flight) {
	defer s.live.Done()
	defer close(f.done)
	select {
	case s.runways <- struct{}{}:
	case <-s.closing.Done():
		f.err = store.ErrClosed
		return
	}
	defer func() { <-s.runways }()
	s.mu.Lock()
	s.boarding = nil
	s.mu.Unlock()
	f.snap, f.err = s.snapshotNow(s.closing)
}

// claim makes the prefix the owner's, or refuses one that is another's. Where it was claimed before nothing is written, so that a
// node starts on a cluster whose quota is used up.
func (s *Store) claim(ctx context.Context) error {
	key := s.cfg.Prefix + "/owner"
	var owner string
	err := s.call(ctx, func(ctx context.Context, _ int) error {
		resp, err := s.client.Get(ctx, key)
		if err != nil || len(resp.Kvs) > 0 {
			owner = valueOf(resp)
			return err
		}
		made, err := s.client.Txn(ctx).If(clientv3.Compare(clientv3.CreateRevision(key), "=", 0)).
			Then(clientv3.OpPut(key, s.cfg.Owner)).Else(clientv3.OpGet(key)).Commit()
		if err != nil {
			return err
		}
		owner = s.cfg.Owner
		if !made.Succeeded {
			owner = string(made.Responses[0].GetResponseRange().Kvs[0].Value)
		}
		return nil
	})
	if err == nil && owner != s.cfg.Owner {
		return fault.New(fault.Conflict, "prefix_in_use", "The prefix %s in etcd belongs to data center %.64q. Give %s a prefix of its own.", s.cfg.Prefix, owner, s.cfg.Owner)
	}
	return err
}

func valueOf(resp *clientv3.GetResponse) string {
	if resp == nil || len(resp.Kvs) == 0 {
		return ""
	}
	return string(resp.Kvs[0].Value)
}
