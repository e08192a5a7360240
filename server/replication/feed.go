package replication

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// FeedConfig wires a Feed.
type FeedConfig struct {
	Log       *journal.Log
	Store     store.Store
	Keys      *Keys
	ClusterID string
	Clock     clock.Clock
	// LaterEpoch is told of a clone that stands in a later epoch than this data center: somebody may have been promoted. It must
	// not block. nil = nobody is told.
	LaterEpoch func(caller string)
	Logger     *slog.Logger // nil = none
}

// Feed is the master's side: it answers clones. Safe for concurrent use.
type Feed struct {
	c       FeedConfig
	closing chan struct{} // closed when Run ends; long polls answer at once then

	changes atomic.Uint64 // of agreements and of the data center
	awaited atomic.Pointer[awaited]

	self    string        // tells this run of this node from every other one
	keeping sync.Mutex    // held over one keep: what is newer is written later
	reading sync.Mutex    // held from a reading of what other nodes were told until it is entered: what was read last is entered last
	fresh   chan struct{} // capacity 1: a clone showed another position; read by Follow only

	mu    sync.Mutex       // guards all below
	shown map[string]shown // by agreement
	moved chan struct{}    // closed and replaced when a clone shows another position, and when an agreement or the data center changes
	grown chan struct{}    // closed and replaced when the store has committed a change of the journal
}

// NewFeed refuses bad wiring and reads what clones showed before the last stop.
func NewFeed(ctx context.Context, c FeedConfig) (*Feed, error) {
	if c.Log == nil || c.Store == nil || c.Keys == nil || c.Clock == nil || !mdc.ValidClusterID(c.ClusterID) {
		return nil, errors.New("new replication feed: log, store, keys, clock and cluster id are needed")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	f := &Feed{c: c, closing: make(chan struct{}), self: rand.Text(), fresh: make(chan struct{}, 1),
		shown: map[string]shown{}, moved: make(chan struct{}), grown: make(chan struct{})}
	if err := f.load(ctx); err != nil {
		return nil, fmt.Errorf("new replication feed: %w", err)
	}
	c.Log.OnChange(func(changes []journal.Change) {
		for _, ch := range changes {
			if ch.Kind == "" || ch.Kind == mdc.AgreementKind().Name || ch.Kind == mdc.DataCenterKind().Name {
				f.changes.Add(1)
				f.stir()
				return
			}
		}
	})
	return f, nil
}

// Journal gives what follows the position of the clone that asks: at once when there is something, otherwise it waits up to
// min(wait, MaxWait) for the next change. An empty page says that there was none. By asking at a position the clone
// acknowledges it (OAM-46, OAM-47). fault.Forbidden when the caller has no enabled agreement of that identifier here, or does
// not show its credential.
func (f *Feed) Journal(ctx context.Context, by Caller, agreement string, at mdc.Position, wait time.Duration) (Page, error) {
	end := time.NewTimer(max(0, min(wait, MaxWait)))
	defer end.Stop()
	for first := true; ; first = false {
		committed, changed := f.committed(), f.c.Log.Changed() // before the read: what commits in between closes them
		page, err := f.page(ctx, by, agreement, at, firstPage)
		if err != nil {
			return Page{}, err
		}
		if first {
			f.remember(agreement, at, page.SnapshotFrom == "")
			f.compare(ctx, by.ClusterID, at)
		}
		if len(page.Records) > 0 || page.SnapshotFrom != "" || wait <= 0 {
			return page, nil
		}
		select {
		case <-committed:
		case <-changed:
		case <-end.C:
			return page, nil
		case <-f.closing:
			return page, nil
		case <-ctx.Done():
			return Page{}, ctx.Err()
		}
	}
}

// compare tells of a caller that knows a later epoch than this data center.
func (f *Feed) compare(ctx context.Context, caller string, at mdc.Position) {
	if f.c.LaterEpoch == nil {
		return
	}
	if pos, err := f.c.Log.Position(ctx); err == nil && pos.Epoch.Less(at.Epoch) {
		f.c.LaterEpoch(caller)
	}
}

// Acknowledge takes what a clone said otherwise than by asking: that it has the state at a position.
func (f *Feed) Acknowledge(ctx context.Context, agreement string, at mdc.Position) error {
	return f.c.Log.View(ctx, func(s *journal.Snapshot) error {
		why, err := s.Misfit(at)
		if err == nil {
			f.remember(agreement, at, why == "")
		}
		return err
	})
}

// page reads what follows a position: records of so many bytes, or of one more.
func (f *Feed) page(ctx context.Context, by Caller, agreement string, at mdc.Position, bytes int) (page Page, err error) {
	err = f.c.Log.View(ctx, func(s *journal.Snapshot) error {
		page = Page{}
		if err := f.admit(s, by, agreement); err != nil {
			return err
		}
		pos, err := s.Position()
		if err != nil {
			return err
		}
		page.Latest = pos.Sequence
		if page.Rewritten, err = s.Rewritten(at); err != nil {
			return err
		}
		page.SnapshotFrom, err = s.Misfit(at)
		if err != nil || page.SnapshotFrom != "" || at.Sequence == pos.Sequence {
			return err
		}
		records, err := s.Records(at.Sequence, bytes)
		if err != nil {
			return err
		}
		if len(records) == 0 || records[0].Sequence != at.Sequence+1 {
			page.SnapshotFrom = fmt.Sprintf("the journal no longer has record %d", at.Sequence+1)
			return nil
		}
		page.Records, err = f.entries(s, by.ClusterID, records)
		return err
	})
	return page, err
}

// admit refuses everybody but the target of an enabled agreement of this side that shows the agreement's credential
// (OAM-50).
func (f *Feed) admit(s *journal.Snapshot, by Caller, agreement string) error {
	err := admit(s, by.ClusterID, agreement)
	if err == nil {
		err = shows(s.Reader(), agreement, by)
	}
	if fault.CodeOf(err) == CodeWrongIdentity {
		f.c.Logger.Warn("a question does not show its replication identity", "identity", mdc.ReplicationIdentity(agreement), "partner", by.ClusterID)
	}
	return err
}

func admit(s *journal.Snapshot, caller, agreement string) error {
	o, err := s.Get(mdc.AgreementKind(), agreement)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	a, ok := o.(*mdc.Agreement)
	if !ok || a.Side != mdc.SideMaster || !mdc.SameName(a.Target, caller) {
		return fault.New(fault.Forbidden, "no_agreement", "This data center has no replication agreement %q with %s.", agreement, caller)
	}
	if !a.Enabled {
		return fault.New(fault.Forbidden, "agreement_disabled", "The replication agreement %q is disabled on the master.", agreement)
	}
	return nil
}

func (f *Feed) entries(s *journal.Snapshot, caller string, records []journal.Record) ([]Entry, error) {
	box := sealer{s: s, keys: f.c.Keys, sender: f.c.ClusterID, recipient: caller}
	out := make([]Entry, 0, len(records))
	for _, rec := range records {
		e := Entry{Record: rec}
		if rec.Operation == journal.Put {
			var err error
			if e.Body, e.Sealed, err = box.carry(rec.Kind, rec.Name, rec.Body); err != nil {
				return nil, err
			}
		}
		out = append(out, e)
	}
	return out, nil
}

// Snapshot streams every replicated object of one state to the clone that asks: begin gets the position, item each object.
// It gives the number of objects, which the clone compares. Memory does not depend on their number. Errors as of Journal,
// and whatever begin or item return.
func (f *Feed) Snapshot(ctx context.Context, by Caller, agreement string, begin func(mdc.Position) error, item func(Item) error) (objects uint64, err error) {
	err = f.c.Log.View(ctx, func(s *journal.Snapshot) error {
		if err := f.admit(s, by, agreement); err != nil {
			return err
		}
		pos, err := s.Position()
		if err != nil {
			return err
		}
		if err := begin(pos); err != nil {
			return err
		}
		box := sealer{s: s, keys: f.c.Keys, sender: f.c.ClusterID, recipient: by.ClusterID}
		return s.Items(func(i journal.Item) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			var sealed []byte
			if i.Body, sealed, err = box.carry(i.Kind, i.Name, i.Body); err != nil {
				return err
			}
			objects++
			return item(Item{Item: i, Sealed: sealed})
		})
	})
	return objects, err
}

// sealer prepares bodies for one recipient.
type sealer struct {
	s         *journal.Snapshot
	keys      *Keys
	sender    string
	recipient string
	public    []byte   // read at first need
	kind      mdc.Kind // of the last body
}

// carry gives the body as it may travel: in clear, or sealed when the kind is secret.
func (b *sealer) carry(kindName, name string, body []byte) (open, sealed []byte, err error) {
	if b.kind.Name != kindName { // looking it up for each body costs more than all else here
		kind, ok := mdc.KindByName(kindName)
		if !ok {
			return nil, nil, fmt.Errorf("send %s %s: unknown kind", kindName, name)
		}
		b.kind = kind
	}
	if !b.kind.Secret {
		return body, nil, nil
	}
	if b.public == nil {
		o, err := b.s.Get(mdc.DataCenterKeyKind(), b.recipient)
		if err != nil {
			return nil, nil, fault.New(fault.Conflict, "no_recipient_key",
				"The key of %s is not registered here, so its secret objects cannot be sealed. Delete the agreement and create it again.", b.recipient)
		}
		k, err := mdc.As[*mdc.DataCenterKey](o)
		if err != nil {
			return nil, nil, fmt.Errorf("read key of %s: %w", b.recipient, err)
		}
		b.public = k.PublicKey
	}
	sealed, err = b.keys.Seal(b.public, body, boxContext(kindName, name, mdc.FoldName(b.sender), mdc.FoldName(b.recipient)))
	return nil, sealed, err
}
