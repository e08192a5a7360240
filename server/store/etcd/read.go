package etcd

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// A page is so many keys: it grows while answers are short and shrinks when they are long.
const (
	firstPage, largestPage = 64, 2048
	shortAnswer            = 256 << 10 // bytes
	longAnswer             = 1 << 20
)

// at are the options of a read at the snapshot's revision. Any member gives the same there, so the first attempt does not ask
// the quorum; one that is behind says so, and the next attempt does.
func (snap snapshot) at(attempt int, more ...clientv3.OpOption) []clientv3.OpOption {
	opts := append(more, clientv3.WithRev(snap.revision))
	if attempt == 0 {
		opts = append(opts, clientv3.WithSerializable())
	}
	return opts
}

// get reads what key held at snap, nil = nothing.
func (s *Store) get(ctx context.Context, snap snapshot, key []byte) ([]byte, error) {
	if raw, known := s.cache.get(snap.guard.revision, key); known {
		return raw, nil
	}
	var raw []byte
	err := s.call(ctx, func(ctx context.Context, attempt int) error {
		resp, err := s.client.Get(ctx, s.base+string(key), snap.at(attempt)...)
		if err != nil {
			return err
		}
		raw = nil
		if len(resp.Kvs) > 0 {
			raw = resp.Kvs[0].Value
		}
		return nil
	})
	if err != nil {
		return nil, readFault(err)
	}
	s.cache.add(snap.guard.revision, key, raw)
	return raw, nil
}

// readFault keeps the nature compacted for those who can begin anew, and words it for the rest.
func readFault(err error) error {
	if given(err) || fault.CodeOf(err) != "" {
		return err
	}
	if natureOf(err) == compacted {
		e := fault.New(fault.Unavailable, CodeUnavailable, "etcd compacted its history while it was being read. Set --auto-compaction-retention to an hour or more, and try again.")
		e.Err, e.RetryAfter = err, retryAfter
		return e
	}
	return explain(err)
}

// one is a key of a range and its raw value.
type one struct{ key, raw []byte }

// pager walks a range at one revision, a page at a time: so much is in memory and no more.
type pager struct {
	s    *Store
	ctx  context.Context
	snap snapshot
	b    bounds
	page []one
	size int64 // keys of the next page
	over bool
}

func (s *Store) newPager(ctx context.Context, snap snapshot, b bounds) *pager {
	return &pager{s: s, ctx: ctx, snap: snap, b: b, size: firstPage, over: b.empty()}
}

// peek gives the next key; false at the end.
func (p *pager) peek() (one, bool, error) {
	for len(p.page) == 0 && !p.over {
		if err := p.fetch(); err != nil {
			return one{}, false, readFault(err)
		}
	}
	if len(p.page) == 0 {
		return one{}, false, nil
	}
	return p.page[0], true, nil
}

func (p *pager) skip() { p.page = p.page[1:] }

func (p *pager) fetch() error {
	if p.b.reverse {
		return p.fetchLast()
	}
	page, more, err := p.read(p.b.low, p.b.high, p.size)
	if err != nil {
		return err
	}
	p.page, p.over = page, !more
	if len(page) > 0 {
		p.b.low = next(page[len(page)-1].key)
	}
	return nil
}

// read gives the first keys from low on and below high. more says that these are not all.
func (p *pager) read(low, high []byte, limit int64) (page []one, more bool, err error) {
	var resp *clientv3.GetResponse
	for {
		err = p.s.call(p.ctx, func(ctx context.Context, attempt int) error {
			var err error
			resp, err = p.s.client.Get(ctx, p.s.base+string(low), p.snap.at(attempt, clientv3.WithRange(p.s.above(high)), clientv3.WithLimit(limit))...)
			return err
		})
		if err == nil || natureOf(err) != tooLong || limit == 1 {
			break
		}
		limit = max(1, limit/4)
		p.size = limit
	}
	if err != nil {
		return nil, false, err
	}
	size := 0
	for _, kv := range resp.Kvs {
		page = append(page, one{bytes.TrimPrefix(kv.Key, []byte(p.s.base)), kv.Value})
		size += len(kv.Key) + len(kv.Value)
	}
	p.resize(size)
	return page, resp.More, nil
}

func (p *pager) resize(bytes int) {
	switch {
	case bytes > longAnswer:
		p.size = max(1, p.size/2)
	case bytes < shortAnswer:
		p.size = min(largestPage, 2*p.size)
	}
}

// above is the end of a range in etcd: nil stands for the end of the store.
func (s *Store) above(high []byte) string {
	if high == nil {
		return string(successor([]byte(s.base)))
	}
	return s.base + string(high)
}

// visit walks a span over the writes above it, nil = none, and leaves out what has expired.
func (s *Store) visit(ctx context.Context, snap snapshot, sp store.Span, over []write, fn func(key, value []byte) error) error {
	m := merge{below: s.newPager(ctx, snap, boundsOf(sp)), above: over}
	for {
		o, ok, err := m.next()
		if err != nil || !ok {
			return err
		}
		value, expires, err := unwrap(o.raw)
		if err != nil {
			return fmt.Errorf("range: %w", err)
		}
		if s.expired(expires) {
			continue
		}
		if err := fn(o.key, value); errors.Is(err, store.ErrStop) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// write is an entry of an overlay with its key, in the order of a span.
type write struct {
	key string
	entry
}

// merge joins what etcd holds with the writes above; where both have a key the write counts.
type merge struct {
	below *pager
	above []write
}

func (m *merge) next() (one, bool, error) {
	for {
		low, ok, err := m.below.peek()
		if err != nil {
			return one{}, false, err
		}
		if len(m.above) == 0 {
			if ok {
				m.below.skip()
			}
			return low, ok, nil
		}
		high := m.above[0]
		order := -1
		if ok {
			order = m.below.b.compare([]byte(high.key), low.key)
		}
		if order > 0 {
			m.below.skip()
			return low, true, nil
		}
		if order == 0 && ok {
			m.below.skip()
		}
		if m.above = m.above[1:]; high.raw != nil {
			return one{[]byte(high.key), high.raw}, true, nil
		}
	}
}
