package replication

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

const (
	verifyTime  = 90 * time.Second
	alignTime   = 5 * time.Second // for the clone to reach where the master stands
	verifyTries = 5
)

// Verification says whether this clone has exactly the master's objects.
type Verification struct {
	Equal    bool
	At       mdc.Position // where both stood when they were compared
	Kinds    []KindVerdict
	Repaired uint64 // objects that were written
}

// KindVerdict is the comparison of one kind.
type KindVerdict struct {
	Kind      string
	Equal     bool
	Objects   uint64 // that the master has
	Differing uint64 // objects that differ, are missing or are too many; before a repair
	First     string // name of the first of them, "" when there is none
}

// errElsewhere says that this journal does not continue where the comparison began: a copy was taken meanwhile.
var errElsewhere = errors.New("another copy is in force")

// Verify compares every object here with the master's, by digests: kinds first, then parts of a kind, then the objects of
// the parts that differ. Neither side stands still for it: what the journal changes meanwhile is not judged, since each such
// change proves itself by its digest. With repair it fetches exactly what differs and writes it, without a change of the
// position, discards what an administrator changed here, and compares again. fault.NotFound; Conflict agreement_disabled, contended, not_in_step or
// too_many_differences; Unavailable changing when copies are taken again and again.
func (f *Follower) Verify(ctx context.Context, agreement string, repair bool) (Verification, error) {
	a, err := f.follows(ctx, agreement)
	if err != nil {
		return Verification{}, err
	}
	if !f.checking.TryLock() {
		return Verification{}, fault.New(fault.Conflict, "contended", "A verification is running on %s already; try again.", f.c.ClusterID)
	}
	defer f.checking.Unlock()
	ctx, cancel := context.WithTimeout(ctx, verifyTime)
	defer cancel()
	return f.verify(ctx, a, repair)
}

func (f *Follower) follows(ctx context.Context, agreement string) (a mdc.Agreement, err error) {
	err = f.c.Log.View(ctx, func(s *journal.Snapshot) error {
		o, err := s.Get(mdc.AgreementKind(), agreement)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
		half, ok := o.(*mdc.Agreement)
		if !ok || half.Side != mdc.SideClone {
			return fault.New(fault.NotFound, "not_found", "This data center follows no replication agreement %q.", clip(agreement))
		}
		if a = *half; !a.Enabled {
			return fault.New(fault.Conflict, "agreement_disabled", "The replication agreement %s is disabled; enable it first.", agreement)
		}
		return nil
	})
	return a, err
}

func (f *Follower) verify(ctx context.Context, a mdc.Agreement, repair bool) (Verification, error) {
	var before *Verification
	for range verifyTries {
		c := comparison{f: f, a: a}
		err := c.run(ctx)
		if err == nil && repair && before == nil && !c.verdict.Equal {
			if err = c.repair(ctx); err == nil {
				before = &c.verdict
				continue // and compare again
			}
		}
		if err == nil {
			return c.verdict.after(before), nil
		}
		if !errors.Is(err, errElsewhere) {
			return Verification{}, fmt.Errorf("verify %s: %w", a.Identifier, err)
		}
	}
	return Verification{}, fault.New(fault.Unavailable, "changing", "%s takes copies of %s all the time; see its status.", f.c.ClusterID, a.Source)
}

// after adds what a repair before it found and wrote.
func (v Verification) after(before *Verification) Verification {
	if before == nil {
		return v
	}
	for i := range v.Kinds {
		for _, k := range before.Kinds {
			if k.Kind == v.Kinds[i].Kind && v.Kinds[i].Equal {
				v.Kinds[i].Differing, v.Kinds[i].First = k.Differing, k.First
			}
		}
	}
	v.Repaired = before.Repaired
	return v
}

// catchUp waits until this clone stands where the master stood.
func (f *Follower) catchUp(ctx context.Context, master mdc.Position) error {
	waiting, cancel := context.WithTimeout(ctx, alignTime)
	defer cancel()
	for {
		changed := f.c.Log.Changed()
		pos, err := f.c.Log.Position(ctx)
		if err != nil || pos.Epoch == master.Epoch && pos.Sequence >= master.Sequence {
			return err
		}
		select {
		case <-changed:
		case <-waiting.Done():
			return fault.New(fault.Conflict, "not_in_step", "%s stands at sequence %d of epoch %s, the master at %d of epoch %s; only when it is in step can they be compared.",
				f.c.ClusterID, pos.Sequence, pos.Epoch, master.Sequence, master.Epoch)
		}
	}
}

// difference is one object that is not the same on both sides.
type difference struct {
	kind, name string
	digest     string // of the master's, "" when it has none
}
