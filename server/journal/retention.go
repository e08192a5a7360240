package journal

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/store"
)

// Retention says which records stay. A record is removed when both bounds are exceeded: a quiet data center keeps its last
// KeepRecords however old they are, and a busy one keeps everything younger than KeepFor, so that a clone that was away
// for less than that never needs a whole copy.
type Retention struct {
	KeepRecords uint64        // newest records that always stay
	KeepFor     time.Duration // age below which a record always stays
}

const (
	pruneEvery = time.Minute
	pruneMany  = 1000 // records in one transaction
)

// Prune removes what r lets go, oldest first, in transactions of bounded size, and gives the number of records removed.
// The digest after the last removed record stays with the position, so the chain can still be verified from there on.
func (l *Log) Prune(ctx context.Context, r Retention) (removed int, err error) {
	seen, err := l.basis(ctx)
	if err != nil || seen.Sequence <= r.KeepRecords {
		return 0, err
	}
	// The bound comes from a state that is committed: the head record is written before the next commit, so a head that is
	// read after a crash never lies before the base (FLT-07).
	last, before := seen.Sequence-r.KeepRecords, l.c.Clock.Now().Add(-r.KeepFor)
	for ctx.Err() == nil {
		n, err := l.pruneSome(ctx, seen.Generation, last, before)
		removed += n
		if err != nil || n == 0 {
			return removed, err
		}
	}
	return removed, ctx.Err()
}

func (l *Log) basis(ctx context.Context) (p position, err error) {
	err = l.View(ctx, func(s *Snapshot) error {
		now, err := s.position()
		if err == nil {
			p = *now
		}
		return err
	})
	return p, err
}

// pruneSome removes up to pruneMany records and moves the base behind them, in one transaction.
func (l *Log) pruneSome(ctx context.Context, generation, last uint64, before time.Time) (n int, err error) {
	err = l.c.Store.Update(ctx, func(w store.Writer) error {
		n = 0
		p, err := positionOf(w)
		if err != nil || p.Generation != generation {
			return err // another copy was switched to meanwhile; its journal begins anew
		}
		old, err := oldRecords(w, p, last, before)
		if err != nil || len(old) == 0 {
			return err
		}
		for _, rec := range old {
			if err := w.Delete(recordKey(generation, rec.Sequence)); err != nil {
				return err
			}
		}
		n = len(old)
		p.Base, p.BaseDigest = old[n-1].Sequence, old[n-1].Digest
		b, err := json.Marshal(p)
		if err != nil {
			return fmt.Errorf("encode position: %w", err)
		}
		return w.Put(PositionKey(), b, 0)
	})
	if err != nil {
		return 0, fmt.Errorf("prune journal: %w", err)
	}
	return n, nil
}

// oldRecords gives the oldest records that may go: up to sequence last and from before the time given, without a gap.
func oldRecords(r store.Reader, p position, last uint64, before time.Time) (out []Record, err error) {
	prefix := generationPrefix(recordSpace, p.Generation)
	err = r.Range(store.Span{Prefix: prefix}, func(k, v []byte) error {
		if binary.BigEndian.Uint64(k[len(prefix):]) > last || len(out) == pruneMany {
			return store.ErrStop
		}
		rec, err := decodeRecord(v)
		if err != nil {
			return fmt.Errorf("read record %x: %w", k, err)
		}
		rec.Body = nil // pruning has no use for it
		if !rec.Time.Before(before) {
			return store.ErrStop // what follows is younger, or was written under a clock that went back: it waits its turn
		}
		out = append(out, rec)
		return nil
	})
	return out, err
}

// Retain prunes once a minute until ctx ends. It gives nil; a failure is logged and tried again.
func (l *Log) Retain(ctx context.Context, r Retention, logger *slog.Logger) error {
	tick := time.NewTicker(pruneEvery)
	defer tick.Stop()
	for {
		n, err := l.Prune(ctx, r)
		switch {
		case err != nil && !errors.Is(err, context.Canceled):
			logger.Error("journal cannot be pruned", "error", err)
		case n > 0:
			logger.Info("journal pruned", "records", n)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// Base gives the sequence before the first record that is kept: the journal continues every position from there on.
func (s *Snapshot) Base() (uint64, error) {
	p, err := s.position()
	if err != nil {
		return 0, err
	}
	return p.Base, nil
}
