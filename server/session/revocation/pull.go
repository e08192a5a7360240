package revocation

import (
	"context"
	"fmt"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// maxPages bounds one catch-up with a partner that never comes to an end: 10 million entries.
const maxPages = 20_000

// CatchUp pulls from partner what this data center lacks, page by page, and keeps it. After a restore that includes what
// it made itself and lost.
func (l *Log) CatchUp(ctx context.Context, partner string) error {
	p := Pull{}
	for range maxPages {
		var err error
		if p.Have, err = l.haveAndOwn(ctx); err != nil {
			return err
		}
		b, err := l.cfg.Peers.PullRevocations(ctx, partner, p)
		if err != nil {
			return fmt.Errorf("pull revocations from %s: %w", partner, err)
		}
		if err := l.keep(ctx, partner, b); err != nil {
			return err
		}
		if b.Next == 0 {
			return nil
		}
		if b.Next <= p.After {
			return fmt.Errorf("pull revocations from %s: its pages do not go on", partner)
		}
		p.After = b.Next
	}
	return fmt.Errorf("pull revocations from %s: more than %d pages", partner, maxPages)
}

func (l *Log) haveAndOwn(ctx context.Context) (map[string]uint64, error) {
	have := l.Have()
	err := l.cfg.State.View(ctx, func(r store.Reader) error {
		own, err := readNumber(r, []byte(keyOwn))
		have[mdc.FoldName(l.cfg.ClusterID)] = own
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read own sequence: %w", err)
	}
	return have, nil
}

// Answer gives the partner from one page of what it lacks. A caller that claims more of ours than there is was told
// before this data center was restored, and gets everything.
func (l *Log) Answer(ctx context.Context, from string, p Pull) (Batch, error) {
	if len(p.Have) > 1024 {
		return Batch{}, fault.New(fault.Invalid, "invalid_input", "A pull names at most 1,024 origins.")
	}
	have := make(map[string]uint64, len(p.Have))
	for origin, seq := range p.Have {
		have[mdc.FoldName(origin)] = seq
	}
	var b Batch
	err := l.cfg.State.View(ctx, func(r store.Reader) (err error) {
		b, err = l.page(r, have, p.After)
		return err
	})
	if err != nil {
		return Batch{}, fmt.Errorf("answer pull of %s: %w", from, err)
	}
	return b, nil
}

func (l *Log) page(r store.Reader, have map[string]uint64, after uint64) (Batch, error) {
	self := mdc.FoldName(l.cfg.ClusterID)
	newest, err := readNumber(r, []byte(keyOwn))
	if err != nil {
		return Batch{}, err
	}
	if have[self] > newest {
		have[self] = 0
	}
	b, now := Batch{After: have[self], Through: have[self]}, l.cfg.Clock.Now()
	last, more := after, false
	err = rangeLog(r, after, func(position uint64, e Entry) error {
		if len(b.Entries) == MaxBatch {
			more = true
			return store.ErrStop
		}
		last = position
		if l.own(e, newest) {
			b.Through = max(b.Through, e.Sequence)
		}
		if !expired(e, now) && e.Sequence > have[mdc.FoldName(e.Origin)] {
			b.Entries = append(b.Entries, e)
		}
		return nil
	})
	if err != nil {
		return Batch{}, err
	}
	if more {
		b.Next = last
	} else {
		b.Through = max(b.Through, newest) // what is behind the last entry has expired
	}
	return b, nil
}
