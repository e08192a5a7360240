package etcd

import (
	"bytes"
	"context"
	"math/big"
	"slices"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// etcd gives a range in descending order by reading all of it, sorting and dropping the rest. What Concord reads backwards is
// the end of long chains, so the pager looks for the last keys itself: it cuts the range into parts, asks in one transaction
// for the first key from each cut on, and goes on in the last part that has one.
const (
	lastPage = 128 // keys
	parts    = 32
)

// fetchLast reads the last page of what is left.
func (p *pager) fetchLast() error {
	low, high := p.b.low, p.b.high
	for {
		page, more, err := p.read(low, high, lastPage)
		if err != nil {
			return err
		}
		if more {
			cuts := cut(page[len(page)-1].key, high)
			if len(cuts) > 0 {
				if low, high, err = p.narrow(next(page[len(page)-1].key), high, cuts); err != nil {
					return err
				}
				continue
			}
			if page, err = p.readSorted(low, high); err != nil { // keys that differ in nothing but zeros at their ends
				return err
			}
		} else {
			slices.Reverse(page)
		}
		p.page = page
		if len(page) == 0 {
			p.over = true
			return nil
		}
		p.b.high = page[len(page)-1].key
		p.over = p.b.empty()
		return nil
	}
}

// narrow gives the last part between low and high that has keys.
func (p *pager) narrow(low, high []byte, cuts [][]byte) (from, to []byte, err error) {
	var resp *clientv3.TxnResponse
	err = p.s.call(p.ctx, func(ctx context.Context, attempt int) error {
		ops := make([]clientv3.Op, len(cuts))
		for i, c := range cuts {
			ops[i] = clientv3.OpGet(p.s.base+string(c), p.snap.at(attempt, clientv3.WithRange(p.s.above(high)), clientv3.WithLimit(1), clientv3.WithKeysOnly())...)
		}
		var err error
		resp, err = p.s.client.Txn(ctx).Then(ops...).Commit()
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	to = high
	for i := len(cuts) - 1; i >= 0; i-- {
		if kvs := resp.Responses[i].GetResponseRange().Kvs; len(kvs) > 0 {
			return bytes.TrimPrefix(kvs[0].Key, []byte(p.s.base)), to, nil
		}
		to = cuts[i]
	}
	return low, to, nil
}

func (p *pager) readSorted(low, high []byte) (page []one, err error) {
	err = p.s.call(p.ctx, func(ctx context.Context, attempt int) error {
		resp, err := p.s.client.Get(ctx, p.s.base+string(low), p.snap.at(attempt, clientv3.WithRange(p.s.above(high)),
			clientv3.WithSort(clientv3.SortByKey, clientv3.SortDescend), clientv3.WithLimit(lastPage))...)
		if err != nil {
			return err
		}
		page = page[:0]
		for _, kv := range resp.Kvs {
			page = append(page, one{bytes.TrimPrefix(kv.Key, []byte(p.s.base)), kv.Value})
		}
		return nil
	})
	return page, err
}

// cut gives up to parts-1 ascending keys between low and high that lie evenly, as if keys were fractions; none when these
// differ in less than that.
func cut(low, high []byte) [][]byte {
	common := 0
	for high != nil && common < min(len(low), len(high)) && low[common] == high[common] {
		common++
	}
	width := max(len(low), len(high)) - common + 2
	from, to := fraction(low[common:], width), new(big.Int).Lsh(big.NewInt(1), uint(8*width))
	if high != nil {
		to = fraction(high[common:], width)
	}
	step := new(big.Int).Div(to.Sub(to, from), big.NewInt(parts))
	if step.Sign() <= 0 {
		return nil
	}
	cuts := make([][]byte, parts-1)
	for i := range cuts {
		from.Add(from, step)
		cuts[i] = append(slices.Clone(low[:common]), from.FillBytes(make([]byte, width))...)
	}
	return cuts
}

func fraction(b []byte, width int) *big.Int {
	padded := make([]byte, width)
	copy(padded, b)
	return new(big.Int).SetBytes(padded)
}
