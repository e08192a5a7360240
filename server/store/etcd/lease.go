package etcd

import (
	"context"
	"math/bits"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// leaseMargin is how many seconds a key stays in etcd after readers see it no more: clocks of nodes and members differ.
const leaseMargin = 60

// leases gives keys with a time to live to etcd for removal. Keys that end at about the same time share a lease, since each
// lease costs a commit of its own. It belongs to the committer.
type leases struct {
	s  *Store
	by map[int64]clientv3.LeaseID // by the end of what it covers, Unix seconds
}

// lease gives the lease of what expires then.
func (l *leases) lease(ctx context.Context, expires, now int64) (clientv3.LeaseID, error) {
	end := coveredUntil(expires, now)
	if id, ok := l.by[end]; ok {
		return id, nil
	}
	var id clientv3.LeaseID
	err := l.s.call(ctx, func(ctx context.Context, _ int) error {
		resp, err := l.s.client.Grant(ctx, end-now+leaseMargin)
		if err == nil {
			id = resp.ID
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	for old := range l.by {
		if old < now {
			delete(l.by, old)
		}
	}
	l.by[end] = id
	return id, nil
}

// coveredUntil rounds up by an eighth of the time that is left at most, at least by some seconds.
func coveredUntil(expires, now int64) int64 {
	width := int64(16)
	if left := expires - now; left > 16*width {
		width = 1 << (bits.Len64(uint64(left/16)) - 1)
	}
	return (expires + width - 1) / width * width
}

// forget is for leases that etcd does not know any more.
func (l *leases) forget() { clear(l.by) }
