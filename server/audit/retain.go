package audit

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/store"
)

// Retention bounds a chain. What is beyond one of the bounds is removed, oldest first.
type Retention struct {
	KeepRecords uint64        // so many stay at most; 0 = no such bound
	KeepFor     time.Duration // what is older goes; 0 = no such bound
}

const (
	pruneMany = 1000 // records in one transaction
	pruneFrom = 100  // beyond KeepRecords, so that the record of a prune does not cause the next one
)

// Prune removes what r lets go and gives the number of records removed. Each transaction moves the checkpoint, from where the
// chain can be verified, and says in the chain itself up to where it removed what.
func (l *Log) Prune(ctx context.Context, s store.Store, r Retention) (removed uint64, err error) {
	for ctx.Err() == nil {
		n, err := l.pruneSome(ctx, s, r)
		removed += n
		if err != nil {
			return removed, fmt.Errorf("prune audit chain of %s: %w", l.c.Chain, err)
		}
		if n < pruneMany {
			return removed, nil
		}
	}
	return removed, ctx.Err()
}

func (l *Log) pruneSome(ctx context.Context, s store.Store, r Retention) (n uint64, err error) {
	now := l.c.Clock.Now()
	err = s.Update(ctx, func(tx store.Writer) error {
		n = 0
		m, err := l.readMark(tx)
		if err != nil {
			return err
		}
		h, err := l.readHead(tx)
		if err != nil {
			return err
		}
		first := m.Sequence + 1
		var gone [][]byte
		err = tx.Range(store.Span{Prefix: l.records()}, func(k, v []byte) error {
			var rec link
			if err := json.Unmarshal(v, &rec); err != nil || rec.Sequence != m.Sequence+1 {
				return l.broken(m.Sequence+1, "it cannot be read")
			}
			if len(gone) == pruneMany || rec.Sequence == h.Sequence || !r.lets(rec, h.Sequence, len(gone) > 0, now) {
				return store.ErrStop
			}
			gone = append(gone, k)
			m.Sequence, m.Hash, m.High = rec.Sequence, hash(v), max(m.High, rec.Time.UnixMilli())
			return nil
		})
		if err != nil || len(gone) == 0 {
			return err
		}
		n = uint64(len(gone))
		return l.remove(tx, gone, first, m)
	})
	return n, err
}

// lets says whether a record may go. more: others go with it.
func (r Retention) lets(rec link, last uint64, more bool, now time.Time) bool {
	beyond := r.KeepRecords + pruneFrom
	if more {
		beyond = r.KeepRecords
	}
	return r.KeepRecords > 0 && last-rec.Sequence >= beyond || r.KeepFor > 0 && now.Sub(rec.Time) > r.KeepFor
}

func (l *Log) remove(tx store.Writer, gone [][]byte, first uint64, m mark) error {
	err := tx.Range(store.Span{Prefix: l.hours()}, func(k, v []byte) error {
		if len(v) == 8 && binary.BigEndian.Uint64(v) > m.Sequence {
			return store.ErrStop
		}
		gone = append(gone, k)
		return nil
	})
	if err != nil {
		return err
	}
	for _, k := range gone {
		if err := tx.Delete(k); err != nil {
			return err
		}
	}
	if err := l.writeMark(tx, m); err != nil {
		return err
	}
	return l.Append(tx, Event{Actor: "system:retention", Action: "prune", Target: "audit/" + l.c.Chain,
		Detail: fmt.Sprintf("records %d to %d; SHA-256 of the last %s", first, m.Sequence, m.Hash)})
}
