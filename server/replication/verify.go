package replication

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
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

// comparison is one attempt. Own objects are read from one state, the master's at whatever position it stands.
type comparison struct {
	f       *Follower
	a       mdc.Agreement
	own     mdc.Position // of the state that is compared
	master  mdc.Position // the furthest that the master stood
	survey  *journal.Survey
	edits   []journal.Edit // what was changed here, over the master's copy
	found   []difference   // by kind, then by name
	verdict Verification
}

func (c *comparison) run(ctx context.Context) error {
	var theirs map[string]journal.Sum
	err := c.f.c.Log.View(ctx, func(s *journal.Snapshot) (err error) {
		if c.survey, err = s.Survey(); err != nil {
			return err
		}
		c.own = c.survey.At
		if c.edits, err = s.Edits(); err != nil {
			return err
		}
		d, err := c.ask(ctx, Question{})
		if err != nil {
			return err
		}
		theirs = d.Kinds
		for name, sum := range theirs {
			if kind, known := c.f.kinds[name]; known && c.survey.Kinds[name] != sum {
				if err := c.differences(ctx, s, kind); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err == nil && len(c.found) > 0 {
		err = c.settle(ctx)
	}
	if err == nil {
		c.judge(theirs)
	}
	return err
}

// settle drops what was changed between the state that was read and where the master stood.
func (c *comparison) settle(ctx context.Context) error {
	if err := c.f.catchUp(ctx, c.master); err != nil {
		return err
	}
	return c.f.c.Log.View(ctx, func(s *journal.Snapshot) error {
		touched, known, err := s.Touched(c.own)
		if err == nil && !known {
			return errElsewhere
		}
		c.found = slices.DeleteFunc(c.found, func(d difference) bool { return touched[d.kind+"\x00"+d.name] })
		slices.SortFunc(c.found, func(a, b difference) int {
			return cmp.Or(strings.Compare(a.kind, b.kind), strings.Compare(a.name, b.name))
		})
		return err
	})
}

// judge makes the verdict. A kind that this version does not know is never equal.
func (c *comparison) judge(theirs map[string]journal.Sum) {
	c.verdict = Verification{At: c.own, Equal: true}
	for _, name := range kindNames(c.survey.Kinds, theirs) {
		_, known := c.f.kinds[name]
		k := KindVerdict{Kind: name, Objects: theirs[name].Objects, Equal: known}
		for _, d := range c.found {
			if d.kind != name {
				continue
			}
			if k.Differing++; k.Differing == 1 {
				k.Equal, k.First = false, d.name
			}
		}
		c.judgeEdits(&k)
		c.verdict.Equal = c.verdict.Equal && k.Equal
		c.verdict.Kinds = append(c.verdict.Kinds, k)
	}
}

// judgeEdits adds what an administrator changed here (OAM-04): the copy below is the master's, and what is in force is not.
func (c *comparison) judgeEdits(k *KindVerdict) {
	for _, e := range c.edits {
		if e.Kind != k.Kind || slices.ContainsFunc(c.found, func(d difference) bool { return d.kind == e.Kind && d.name == e.Name }) {
			continue
		}
		k.Differing++
		if k.Equal || e.Name < k.First {
			k.Equal, k.First = false, e.Name
		}
	}
}

func kindNames(ours, theirs map[string]journal.Sum) []string {
	all := slices.Collect(maps.Keys(ours))
	for name := range theirs {
		if _, ok := ours[name]; !ok {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

func (c *comparison) ask(ctx context.Context, q Question) (Digests, error) {
	d, err := c.f.c.Sources.Digests(ctx, c.a.Source, c.a.Identifier, q)
	if err != nil {
		return d, fmt.Errorf("ask %s for digests: %w", c.a.Source, err)
	}
	c.stood(d.At)
	return d, nil
}

func (c *comparison) stood(at mdc.Position) {
	if c.master.Epoch.Less(at.Epoch) || c.master.Epoch == at.Epoch && c.master.Sequence < at.Sequence {
		c.master = at
	}
}

// difference is one object that is not the same on both sides.
type difference struct {
	kind, name string
	digest     string // of the master's, "" when it has none
}

// differences finds the objects of a kind that differ.
func (c *comparison) differences(ctx context.Context, s *journal.Snapshot, kind mdc.Kind) error {
	theirs, err := c.ask(ctx, Question{Kind: kind.Name, Bucket: -1})
	if err != nil {
		return err
	}
	ours, err := s.BucketSums(kind)
	if err != nil {
		return err
	}
	if len(theirs.Buckets) != len(ours) {
		return fmt.Errorf("compare %s: %d buckets came, want %d", kind.Name, len(theirs.Buckets), len(ours))
	}
	for i := range ours {
		if ours[i] == theirs.Buckets[i] {
			continue
		}
		if err := c.bucket(ctx, s, kind, i); err != nil {
			return err
		}
	}
	return nil
}

func (c *comparison) bucket(ctx context.Context, s *journal.Snapshot, kind mdc.Kind, bucket int) error {
	theirs := map[string]string{}
	for after, more := "", true; more; {
		d, err := c.ask(ctx, Question{Kind: kind.Name, Bucket: bucket, After: after})
		if err != nil {
			return err
		}
		for _, t := range d.Traces {
			if t.Name == "" || len(t.Name) > maxName {
				return fmt.Errorf("compare %s: the master sent an unusable name", kind.Name)
			}
			theirs[t.Name] = t.Digest
		}
		if more = d.More && len(d.Traces) > 0; more {
			after = d.Traces[len(d.Traces)-1].Name
		}
	}
	ours, err := s.Traces(kind, []int{bucket}, "", -1)
	if err != nil {
		return err
	}
	for _, t := range ours {
		want := theirs[t.Name]
		delete(theirs, t.Name)
		if t.Digest == "" || t.Digest != want {
			c.found = append(c.found, difference{kind.Name, t.Name, want})
		}
	}
	for name, want := range theirs {
		c.found = append(c.found, difference{kind.Name, name, want})
	}
	return nil
}
