package topology

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// ConflictPage is one conflict file and some of its records.
type ConflictPage struct {
	journal.Conflict
	Records []journal.Record
	More    bool // others come after these
}

// ConflictList is the conflict files of a data center, oldest first.
type ConflictList struct {
	Files  []journal.Conflict
	Silent []string // nodes that are alive and did not say which they keep
}

// ConflictLink reads conflict files of partners. Errors are as those of Link.
type ConflictLink interface {
	Conflicts(ctx context.Context, clusterID string) (ConflictList, error)
	Conflict(ctx context.Context, clusterID, id string, after uint64, limit int) (ConflictPage, error)
}

// Shelf is the conflict files that the other nodes of this data center keep. fault.NotFound where none of them has the file,
// Unavailable node_silent where one that is alive cannot be asked.
type Shelf interface {
	Conflicts(ctx context.Context) (ConflictList, error)
	Conflict(ctx context.Context, id string, after uint64, limit int) (ConflictPage, error)
	DropConflict(ctx context.Context, id string) error
}

// Conflicts lists the conflict files of a data center: this one's, at whichever node they lie, or those of a clone of it. clusterID "" = this
// one.
func (m *Mastership) Conflicts(ctx context.Context, clusterID string) (out ConflictList, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	if !m.here(clusterID) {
		out, err := m.c.ConflictLink.Conflicts(ctx, clusterID)
		return out, asked(clusterID, err)
	}
	own, err := m.OwnConflicts()
	if err != nil {
		return out, err
	}
	if m.c.Shelf != nil {
		if out, err = m.c.Shelf.Conflicts(ctx); err != nil {
			return out, err
		}
	}
	out.Files = append(out.Files, own...)
	slices.SortFunc(out.Files, func(a, b journal.Conflict) int { return strings.Compare(a.ID, b.ID) }) // they begin with the time
	return out, nil
}

func (m *Mastership) here(clusterID string) bool {
	return clusterID == "" || mdc.SameName(clusterID, m.c.ClusterID)
}

// OwnConflicts lists the files that this node keeps.
func (m *Mastership) OwnConflicts() ([]journal.Conflict, error) {
	return journal.Conflicts(m.c.Conflicts)
}

// Conflict gives one file with up to limit of its records after a sequence. fault.NotFound.
func (m *Mastership) Conflict(ctx context.Context, clusterID, id string, after uint64, limit int) (p ConflictPage, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	if !m.here(clusterID) {
		p, err = m.c.ConflictLink.Conflict(ctx, clusterID, id, after, limit)
		return p, asked(clusterID, err)
	}
	p, err = m.OwnConflict(id, after, limit)
	if m.c.Shelf != nil && fault.Is(err, fault.NotFound) && journal.IsConflictID(id) {
		return m.c.Shelf.Conflict(ctx, id, after, limit)
	}
	return p, err
}

// OwnConflict is Conflict for a file that this node keeps.
func (m *Mastership) OwnConflict(id string, after uint64, limit int) (p ConflictPage, err error) {
	p.Conflict, p.Records, p.More, err = journal.ReadConflict(m.c.Conflicts, id, after, limit)
	return p, err
}

// DropConflict removes a conflict file of this data center, at the node that keeps it; one that is gone already is no error.
// fault.NotFound for what is no id of a file.
func (m *Mastership) DropConflict(ctx context.Context, id string) error {
	if err := m.DropOwnConflict(id); err != nil || m.c.Shelf == nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	return m.c.Shelf.DropConflict(ctx, id)
}

// DropOwnConflict is DropConflict for a file that this node keeps.
func (m *Mastership) DropOwnConflict(id string) error { return journal.DropConflict(m.c.Conflicts, id) }

func asked(clusterID string, err error) error {
	if _, worded := asFault(err); err == nil || worded {
		return err
	}
	return unreachable(clusterID, "partner_unreachable", "", err)
}

// Lost gives one record of a conflict file that an administrator may apply anew. Faults: NotFound; Conflict not_reappliable
// for what no administrator writes: keys, promotions, and kinds that this version does not know.
func (m *Mastership) Lost(ctx context.Context, clusterID, id string, sequence uint64) (rec journal.Record, kind mdc.Kind, err error) {
	if sequence == 0 {
		return rec, kind, fault.InvalidFields("The record cannot be applied.", []fault.Field{{Pointer: "/sequence", Detail: "must be that of one of the file's records"}})
	}
	p, err := m.Conflict(ctx, clusterID, id, sequence-1, 1)
	if err != nil {
		return rec, kind, err
	}
	if len(p.Records) == 0 || p.Records[0].Sequence != sequence {
		return rec, kind, fault.New(fault.NotFound, "not_found", "The conflict file has no record with the sequence %d.", sequence)
	}
	rec = p.Records[0]
	kind, ok := mdc.KindByName(rec.Kind)
	if !ok || kind.Secret || kind.Scope != mdc.Replicated || kind.Collection == "" {
		return rec, kind, fault.New(fault.Conflict, "not_reappliable", "Record %d is of the kind %q, which is not applied anew.", sequence, rec.Kind)
	}
	return rec, kind, nil
}

// ForMaster lets the master that this data center follows read its conflict files: that is where they are applied anew.
func (m *Mastership) ForMaster(ctx context.Context, caller string) error {
	now, err := m.situation(ctx)
	if err != nil {
		return err
	}
	if a := now.source(); a == nil || !mdc.SameName(a.Source, caller) {
		return fault.New(fault.Forbidden, "not_source", "Only the master that %s follows may read its conflict files.", m.c.ClusterID)
	}
	return nil
}

// Waits of questions that another data center works on for long.
const (
	HandTime = 5 * time.Second        // for a step of a handover, which waits for changes that are being committed
	TakeTime = MaxWait + 5*freezeTime // for a successor
)
