package replication

import (
	"context"
	"fmt"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

const (
	maxTraces = 5000 // in one answer
	maxNames  = 500  // objects in one question
)

// Question asks a master how its objects add up, from the whole down to single objects.
type Question struct {
	Kind   string // "": the sums of all kinds
	Bucket int    // below 0: the sums of the kind's buckets; otherwise the objects in that one
	After  string // with a bucket: the name to go on after
}

// Digests is the master's answer.
type Digests struct {
	At      mdc.Position // where the master stood
	Kinds   map[string]journal.Sum
	Buckets []journal.Sum
	Traces  []journal.Trace
	More    bool // there are objects after the last of Traces
}

// Digests answers a clone that compares itself with this master. Errors as of Journal.
func (f *Feed) Digests(ctx context.Context, by Caller, agreement string, q Question) (out Digests, err error) {
	err = f.c.Log.View(ctx, func(s *journal.Snapshot) error {
		out = Digests{}
		if err := f.admit(s, by, agreement); err != nil {
			return err
		}
		if out.At, err = s.Position(); err != nil {
			return err
		}
		if q.Kind == "" {
			survey, err := s.Survey()
			if err == nil {
				out.Kinds = survey.Kinds
			}
			return err
		}
		kind, err := replicated(q.Kind)
		if err != nil {
			return err
		}
		if q.Bucket < 0 {
			out.Buckets, err = s.BucketSums(kind)
			return err
		}
		out.Traces, err = s.Traces(kind, []int{q.Bucket}, q.After, maxTraces+1)
		if len(out.Traces) > maxTraces {
			out.Traces, out.More = out.Traces[:maxTraces], true
		}
		return err
	})
	return out, err
}

// Objects is what a master gives for a repair.
type Objects struct {
	At    mdc.Position // where the master stood
	Items []Item
	Names int // of the names that were asked for, from the first on, that this answers
}

func replicated(name string) (mdc.Kind, error) {
	kind, ok := mdc.KindByName(name)
	if !ok || kind.Scope != mdc.Replicated {
		return kind, fault.New(fault.Invalid, "unknown_kind", "This data center replicates no kind %q.", clip(name))
	}
	return kind, nil
}

// Objects gives single objects of a kind to a clone that repairs itself, secret ones sealed: as many of the names, in
// order, as fit an answer, and how many of the names those were. What does not exist is left out. Errors as of Journal.
func (f *Feed) Objects(ctx context.Context, by Caller, agreement, kindName string, names []string) (out Objects, err error) {
	kind, err := replicated(kindName)
	if err != nil {
		return out, err
	}
	if len(names) > maxNames {
		return out, fault.New(fault.TooLarge, "too_many_names", "At most %d objects can be asked for at once.", maxNames)
	}
	err = f.c.Log.View(ctx, func(s *journal.Snapshot) error {
		out = Objects{}
		if err := f.admit(s, by, agreement); err != nil {
			return err
		}
		if out.At, err = s.Position(); err != nil {
			return err
		}
		box, size := sealer{s: s, keys: f.c.Keys, sender: f.c.ClusterID, recipient: by.ClusterID}, 0
		for _, name := range names {
			body, found, err := s.Body(kind, name)
			if err != nil {
				return fmt.Errorf("read %s %s for a repair: %w", kindName, name, err)
			}
			if size += len(body); out.Names > 0 && size > maxPage {
				return nil
			}
			if out.Names++; !found {
				continue
			}
			body, sealed, err := box.carry(kindName, name, body)
			if err != nil {
				return err
			}
			out.Items = append(out.Items, Item{Item: journal.Item{Kind: kindName, Name: name, Body: body}, Sealed: sealed})
		}
		return nil
	})
	return out, err
}
