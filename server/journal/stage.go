package journal

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	"github.com/concord-access/terraform-provider-concord/internal/failpoint"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// Staging takes a snapshot beside the copy in force, chunk by chunk, and switches at once (FLT-16). One at a time. While a
// chunk is written the next one is taken. It belongs to one goroutine.
type Staging struct {
	l          *Log
	generation uint64
	mark       []byte    // stands under stagingKey while no other staging has begun
	lanes      setDigest // of the chunks that are written; belongs to the goroutine that writes
	batch      []Item
	bytes      int
	objects    uint64
	writing    chan error // capacity 1: what became of the chunk under way; nil = none is
}

// stageChunk is how many bytes are written at once: enough that the sync costs little beside them.
const stageChunk = 1 << 20

// Stage begins a new generation and removes what an interrupted one left behind.
func (l *Log) Stage(ctx context.Context) (*Staging, error) {
	if err := l.Sweep(ctx); err != nil {
		return nil, err
	}
	s := &Staging{l: l, mark: []byte(rand.Text())}
	err := l.c.Store.Update(ctx, func(tx store.Writer) error {
		p, err := positionOf(tx)
		if err != nil {
			return err
		}
		s.generation = p.Generation + 1
		return tx.Put(stagingKey, s.mark, 0)
	})
	return s, err
}

var errOvertaken = errors.New("stage snapshot: another one was begun since")

// alone says in a transaction that no other staging has begun, by a node that took this one's work over: both would write to the
// same generation.
func (s *Staging) alone(r store.Reader) error {
	mark, err := r.Get(stagingKey)
	if err == nil && !bytes.Equal(mark, s.mark) {
		return errOvertaken
	}
	return err
}

// Put stages one object. It is on the disk at the latest when Switch returns. The item's body must not change after it.
func (s *Staging) Put(ctx context.Context, item Item) error {
	kind, ok := s.l.kinds[item.Kind]
	if !ok || kind.Scope != mdc.Replicated {
		return fmt.Errorf("stage %s %s: kind not known to this version", item.Kind, item.Name)
	}
	s.objects++
	s.batch = append(s.batch, item)
	limits := s.l.c.Store.Limits()
	if s.bytes += len(item.Body) + 256; s.bytes >= min(stageChunk, limits.Bytes/2) || len(s.batch) >= limits.Ops/2 {
		return s.flush(ctx)
	}
	return nil
}

// flush waits for the chunk before and begins to write the one in hand.
func (s *Staging) flush(ctx context.Context) error {
	if err := s.settle(); err != nil {
		return err
	}
	batch, done := s.batch, make(chan error, 1)
	s.batch, s.bytes, s.writing = nil, 0, done
	go func() { done <- s.write(ctx, batch) }() // joined by settle
	return nil
}

// settle waits for the chunk under way.
func (s *Staging) settle() error {
	if s.writing == nil {
		return nil
	}
	err := <-s.writing
	s.writing = nil
	return err
}

// finish writes what is in hand and waits for it.
func (s *Staging) finish(ctx context.Context) error {
	if len(s.batch) > 0 {
		if err := s.flush(ctx); err != nil {
			return err
		}
	}
	return s.settle()
}

// Close waits for what is under way. It is needed, and harmless, whatever came of the staging.
func (s *Staging) Close() { _ = s.settle() }

func (s *Staging) write(ctx context.Context, batch []Item) error {
	terms, lanes := make([]term, 0, applyMany), make([]setDigest, applyMany)
	for some := range slices.Chunk(batch, applyMany) {
		terms = terms[:0]
		for _, item := range some {
			terms = append(terms, term{kind: item.Kind, name: item.Name, body: item.Body})
		}
		expandAll(terms, lanes[:len(terms)])
		for i := range terms {
			s.lanes.join(&lanes[i])
		}
	}
	err := s.l.c.Store.Update(ctx, func(tx store.Writer) error {
		if err := s.alone(tx); err != nil {
			return err
		}
		for _, item := range batch {
			kind := s.l.kinds[item.Kind]
			body, err := s.l.atRest(kind, item.Name, item.Body)
			if err != nil {
				return err
			}
			if err := tx.Put(objectKey(kind, s.generation, item.Name), body, 0); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("stage snapshot: %w", err)
	}
	failpoint.Here("stage.chunk")
	return nil
}

// Switch makes the staged copy the one in force, at pos, if its digest is the one that pos names; in the same
// transaction it runs also. The former copy is removed afterwards.
func (s *Staging) Switch(ctx context.Context, pos mdc.Position, objects uint64, also func(*Tx) error) error {
	if s.objects != objects {
		return fmt.Errorf("switch to snapshot: %d objects arrived, %d were sent", s.objects, objects)
	}
	if err := s.finish(ctx); err != nil {
		return err
	}
	if got := s.lanes.String(); got != pos.Digest {
		return fmt.Errorf("switch to snapshot: digest %s, the master named %s", got, pos.Digest)
	}
	failpoint.Here("stage.complete")
	err := s.l.Update(ctx, func(tx *Tx) error {
		p, err := tx.position()
		if err != nil {
			return err
		}
		if p.Generation+1 != s.generation {
			return errors.New("switch to snapshot: another one came first")
		}
		if err := s.alone(tx.w); err != nil {
			return err
		}
		*p = position{Position: pos, Generation: s.generation, Base: pos.Sequence, BaseDigest: pos.Digest, Edits: p.Edits, Local: p.Local}
		lanes := s.lanes
		tx.lanes, tx.moved = &lanes, true
		tx.changes = append(tx.changes, Change{})
		if err := tx.settleEdits(); err != nil {
			return err
		}
		if also == nil {
			return nil
		}
		return also(tx)
	})
	if err != nil {
		return err
	}
	failpoint.Here("stage.switched")
	return s.l.Sweep(ctx)
}

// Sweep removes every generation but the one in force, in transactions of bounded size.
func (l *Log) Sweep(ctx context.Context) error {
	for {
		n := 0
		err := l.c.Store.Update(ctx, func(tx store.Writer) error {
			n = 0
			p, err := positionOf(tx)
			if err != nil {
				return err
			}
			var stale [][]byte
			for _, space := range [][]byte{objectSpace, recordSpace} {
				keep := generationPrefix(space, p.Generation)
				err := tx.Range(store.Span{Prefix: space}, func(k, _ []byte) error {
					if string(k[:len(keep)]) == string(keep) {
						return store.ErrStop // generations grow: what is stale and older comes first
					}
					stale = append(stale, k)
					if len(stale) >= 1000 {
						return store.ErrStop
					}
					return nil
				})
				if err != nil {
					return err
				}
				err = tx.Range(store.Span{Prefix: space, After: upTo(keep)}, func(k, _ []byte) error {
					if stale = append(stale, k); len(stale) >= 1000 {
						return store.ErrStop
					}
					return nil
				})
				if err != nil {
					return err
				}
			}
			n = len(stale)
			for _, k := range stale {
				if err := tx.Delete(k); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || n == 0 {
			return err
		}
	}
}

// upTo gives a key behind every key that starts with prefix: kind names are ASCII, sequences never reach the last value.
func upTo(prefix []byte) []byte {
	out := append([]byte(nil), prefix...)
	for range 9 {
		out = append(out, 0xff)
	}
	return out
}
