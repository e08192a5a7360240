package replication

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

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
