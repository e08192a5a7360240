package replication

import (
	"context"
	"fmt"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// What one repair may hold in memory. A clone that differs in more is better off with a whole copy.
const (
	maxRepairs     = 50_000
	maxRepairBytes = 64 << 20
)

// repair fetches what differs and writes it, as far as the journal has not changed it meanwhile.
func (c *comparison) repair(ctx context.Context) error {
	var items []journal.Item
	for from, to := 0, 0; from < len(c.found); from = to {
		for to < len(c.found) && c.found[to].kind == c.found[from].kind {
			to++
		}
		got, err := c.fetch(ctx, c.found[from:to])
		if err != nil {
			return err
		}
		if items = append(items, got...); len(items) > maxRepairs {
			return c.tooMany()
		}
	}
	if err := c.f.catchUp(ctx, c.master); err != nil {
		return err
	}
	if err := c.write(ctx, items); err != nil {
		return err
	}
	return c.discard(ctx)
}

// discard ends the edits that the comparison found.
func (c *comparison) discard(ctx context.Context) error {
	if len(c.edits) == 0 {
		return nil
	}
	n, err := c.f.c.Discard(ctx, mdc.ReplicationIdentity(c.a.Identifier), c.edits)
	if err != nil {
		return err
	}
	c.verdict.Repaired += uint64(n) //nolint:gosec // a count
	c.f.c.Logger.Warn("replication discarded changes that were made on this clone", "agreement", c.a.Identifier, "objects", n)
	return nil
}

// fetch gets the objects of one kind as they shall be; Body nil stands for none.
func (c *comparison) fetch(ctx context.Context, found []difference) (out []journal.Item, err error) {
	kind, want, names, size := found[0].kind, map[string]string{}, []string(nil), 0
	for _, d := range found {
		if d.digest == "" {
			out = append(out, journal.Item{Kind: kind, Name: d.name})
			continue
		}
		want[d.name], names = d.digest, append(names, d.name)
	}
	for len(names) > 0 {
		got, err := c.f.c.Sources.Objects(ctx, c.a.Source, c.a.Identifier, kind, names[:min(len(names), maxNames)])
		if err != nil {
			return nil, fmt.Errorf("fetch %s objects from %s: %w", kind, c.a.Source, err)
		}
		if got.Names < 1 || got.Names > len(names) {
			return nil, fmt.Errorf("fetch %s objects from %s: %d of %d names were answered", kind, c.a.Source, got.Names, len(names))
		}
		c.stood(got.At)
		names = names[got.Names:]
		for _, i := range got.Items {
			opened, err := (&pursuit{f: c.f, a: c.a}).item(i)
			if err != nil {
				return nil, err
			}
			// Another digest: it was changed since, so the journal brings it.
			if opened.Kind == kind && want[opened.Name] == journal.ObjectDigest(kind, opened.Name, opened.Body) {
				out = append(out, opened)
			}
			if size += len(opened.Body); size > maxRepairBytes {
				return nil, c.tooMany()
			}
		}
	}
	return out, nil
}

func (c *comparison) tooMany() error {
	return fault.New(fault.Conflict, "too_many_differences",
		"%s differs in too much to be repaired object by object. Delete the agreement and create it again: that takes a whole copy.", c.f.c.ClusterID)
}

// write puts the objects in transactions of bounded size, while the agreement is in force.
func (c *comparison) write(ctx context.Context, items []journal.Item) error {
	limits := c.f.c.Store.Limits()
	for from, to := 0, 0; from < len(items); from = to {
		for size := 0; to < len(items) && (to == from || size < limits.Bytes/2 && 2*(to-from) < limits.Ops/2); to++ {
			size += len(items[to].Body) + len(items[to].Name) + 256
		}
		n := uint64(0)
		err := c.f.c.Log.Update(ctx, func(tx *journal.Tx) (err error) {
			if n, err = c.mend(tx, items[from:to]); err != nil || n == 0 {
				return err
			}
			return c.f.c.Audit(tx.Writer(), mdc.ReplicationIdentity(c.a.Identifier), "repair", fmt.Sprintf("%d objects", n))
		})
		if err != nil {
			return err
		}
		c.verdict.Repaired += n
	}
	if len(items) == 0 {
		return nil
	}
	c.f.c.Logger.Warn("replication repaired objects that differed from the master", "actor", mdc.ReplicationIdentity(c.a.Identifier), "agreement", c.a.Identifier, "source", c.a.Source, "objects", c.verdict.Repaired)
	return nil
}

func (c *comparison) mend(tx *journal.Tx, items []journal.Item) (n uint64, err error) {
	if err := c.f.following(tx, c.a); err != nil {
		return 0, err
	}
	touched, known, err := tx.Touched(c.own)
	if err == nil && !known {
		return 0, errElsewhere
	}
	if err != nil {
		return 0, err
	}
	for _, i := range items {
		if touched[i.Kind+"\x00"+i.Name] {
			continue
		}
		if err := tx.Mend(i.Kind, i.Name, i.Body); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// PullNow makes one agreement ask now and waits until a round has ended, however, or ctx ends (OAM-54). fault.NotFound,
// also when the agreement is deleted meanwhile, Conflict agreement_disabled.
func (f *Follower) PullNow(ctx context.Context, agreement string) error {
	if _, err := f.follows(ctx, agreement); err != nil {
		return err
	}
	f.mu.Lock()
	s := f.sides[agreement]
	if s == nil {
		f.mu.Unlock()
		return fault.New(fault.Unavailable, "starting", "The replication agreement %s is being taken up; try again.", agreement)
	}
	turn, working := s.turn, f.working.Load()
	if working {
		s.wakeLocked()
	}
	f.mu.Unlock()
	if !working {
		if err := f.poke(ctx, agreement); err != nil {
			return err
		}
	}
	select {
	case <-turn:
		return f.lost(ctx, agreement)
	case <-ctx.Done():
		return fault.New(fault.Unavailable, "no_answer", "The pull goes on; its outcome is not known yet.")
	}
}

// lost is fault.NotFound when an agreement that was followed here is not there any more.
func (f *Follower) lost(ctx context.Context, agreement string) error {
	if _, err := f.follows(ctx, agreement); fault.Is(err, fault.NotFound) {
		return err
	}
	return nil
}
