package etcd

import (
	"context"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// spaceAsked is how often etcd is asked whether it takes changes again after its quota was used up.
const spaceAsked = time.Second

// noteFull remembers that etcd's quota is used up until it takes changes again. Reads go on meanwhile, so that their answers say
// nothing about it; and while this node says that it is not ready, nobody may come to write.
func (s *Store) noteFull(f *fault.Error) {
	if s.full.Swap(f) != nil || !s.enter() {
		return
	}
	go func() { // ends when the store closes, which waits for it
		defer s.live.Done()
		for wait(s.closing, spaceAsked) {
			if s.takes(s.closing) == nil {
				s.full.Store(nil)
				return
			}
		}
	}()
}

// takes asks for a write on a condition that never holds: etcd refuses it while its quota is used up, and changes nothing else.
func (s *Store) takes(ctx context.Context) error {
	return s.call(ctx, func(ctx context.Context, _ int) error {
		_, err := s.client.Txn(ctx).If(clientv3.Compare(clientv3.CreateRevision(s.guardKey), "=", never)).Then(clientv3.OpPut(s.guardKey, "")).Commit()
		return err
	})
}

// never is the revision of no key.
const never = -1

// tryTransactions sends a transaction of the greatest shape on the same condition, so that members which take smaller ones are
// found at the start and not by a large change later. It reads nothing.
func (s *Store) tryTransactions(ctx context.Context) error {
	get := clientv3.OpGet(s.guardKey, clientv3.WithKeysOnly())
	inner, outer := make([]clientv3.Op, perTransaction), make([]clientv3.Op, outermost)
	for i := range inner {
		inner[i] = get
	}
	for i := range outer {
		outer[i] = get
	}
	outer[0] = clientv3.OpTxn(nil, inner, nil)
	return s.call(ctx, func(ctx context.Context, _ int) error {
		_, err := s.client.Txn(ctx).If(clientv3.Compare(clientv3.CreateRevision(s.guardKey), "=", never)).Then(outer...).Commit()
		return err
	})
}
