package replication

import (
	"context"
	"fmt"

	"github.com/concord-access/terraform-provider-concord/internal/failpoint"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

const maxName = 512 // bytes of an object's name; mdc allows less

// apply writes the records of a page after at, in transactions of at most half of what the store allows, and gives the
// sequence reached. Records that are here already are left out (a repeated answer); a gap is an error and asked for again.
// What comes before a record that cannot be accepted is applied: up to there the copy is sound.
func (p *pursuit) apply(ctx context.Context, at mdc.Position, l *leaf) (uint64, error) {
	reached := at.Sequence
	var batch []journal.Record
	size := 0
	limits := p.f.c.Store.Limits()
	for _, rec := range l.records {
		if rec.Sequence <= at.Sequence {
			continue
		}
		if want := reached + uint64(len(batch)) + 1; rec.Sequence != want {
			return reached, fmt.Errorf("apply records: %d came where %d was due", rec.Sequence, want)
		}
		if n := cost(rec); len(batch) > 0 && (size+n > limits.Bytes/2 || 2*len(batch)+2 > limits.Ops/2) {
			if err := p.commit(ctx, batch, l.ready); err != nil {
				return reached, err
			}
			reached, batch, size = batch[len(batch)-1].Sequence, nil, 0
		}
		batch, size = append(batch, rec), size+cost(rec)
	}
	if len(batch) > 0 {
		if err := p.commit(ctx, batch, l.ready); err != nil {
			return reached, err
		}
		reached = batch[len(batch)-1].Sequence
	}
	return reached, l.refusal
}

func (p *pursuit) commit(ctx context.Context, batch []journal.Record, ready *journal.Prepared) error {
	err := p.f.c.Log.Update(ctx, func(tx *journal.Tx) error {
		if err := p.f.following(tx, p.a); err != nil {
			return err
		}
		return tx.ApplyPrepared(ready, batch...)
	})
	failpoint.Here("follow.applied")
	if err != nil {
		return fmt.Errorf("apply records %d to %d: %w", batch[0].Sequence, batch[len(batch)-1].Sequence, err)
	}
	return nil
}

// cost is what a record takes in the store at most: the object, the record with its body, both wrapped where the kind is
// secret, keys and the rest.
func cost(rec journal.Record) int { return 2*len(rec.Body) + 3*len(rec.Name) + 768 }

// record checks an entry and opens it.
func (p *pursuit) record(e Entry) (journal.Record, error) {
	rec := e.Record
	if rec.Operation != journal.Put && rec.Operation != journal.Delete {
		return rec, &stopError{fmt.Sprintf("record %d has the operation %q, which this version does not know; upgrade this data center", rec.Sequence, clip(rec.Operation))}
	}
	kind, err := p.kind(rec.Kind, rec.Name)
	if err != nil || rec.Operation == journal.Delete {
		rec.Body = nil
		return rec, err
	}
	rec.Body, err = p.body(kind, rec.Name, rec.Body, e.Sealed)
	return rec, err
}

// item checks an object of a snapshot and opens it.
func (p *pursuit) item(i Item) (journal.Item, error) {
	kind, err := p.kind(i.Kind, i.Name)
	if err != nil {
		return i.Item, err
	}
	i.Body, err = p.body(kind, i.Name, i.Body, i.Sealed)
	return i.Item, err
}

func (p *pursuit) kind(name, object string) (mdc.Kind, error) {
	kind, ok := p.f.kinds[name]
	if !ok {
		return kind, &stopError{fmt.Sprintf("the master has objects of the kind %q, which this version does not know; upgrade this data center", clip(name))}
	}
	if object == "" || len(object) > maxName || kind.Key(object) != object {
		return kind, &stopError{fmt.Sprintf("the master sent a %s with an unusable name", name)}
	}
	return kind, nil
}

// body opens a sealed one. What cannot be decoded would break every later reader, so it is not let in.
func (p *pursuit) body(kind mdc.Kind, name string, open, sealed []byte) ([]byte, error) {
	if kind.Secret != (len(sealed) > 0) || kind.Secret == (len(open) > 0) {
		return nil, &stopError{fmt.Sprintf("the master sent the %s %q in a form that does not belong to its kind", kind.Name, name)}
	}
	if kind.Secret {
		context := boxContext(kind.Name, name, mdc.FoldName(p.a.Source), mdc.FoldName(p.f.c.ClusterID))
		plain, err := p.f.c.Keys.Open(sealed, context)
		if err != nil {
			return nil, fmt.Errorf("open %s %s (was it sealed for another key?): %w", kind.Name, name, err)
		}
		open = plain
	}
	if _, err := kind.Decode(open); err != nil {
		return nil, &stopError{fmt.Sprintf("the %s %q of the master cannot be read by this version; upgrade this data center", kind.Name, name)}
	}
	return open, nil
}
