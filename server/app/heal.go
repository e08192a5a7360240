package app

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/audit"
	"github.com/concord-access/terraform-provider-concord/server/configuration"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/replication"
	"github.com/concord-access/terraform-provider-concord/server/session/revocation"
)

// heal lets a clone whose state store lost acknowledged changes begin anew from its master, instead of refusing to start with
// cause (FLT-07): the copy that it has is kept as a conflict file and counts no more, and until the master's is here it is not
// ready and serves nobody. It does so only where the local objects and edits, which the master cannot give, are proved to be
// whole. Ended sign-ons are asked for anew at every partner, and locks end. What else the lost commits held is gone: their audit
// records, and ends of sign-ons that no partner had yet; the log says how many there were. A master has nobody to ask.
func (n *Node) heal(ctx context.Context, cause error) error {
	head, mirrored := n.state.Mirrored()
	if !mirrored || fault.CodeOf(cause) != "state_damaged" {
		return cause
	}
	id, err := n.followed(ctx)
	if err != nil || id == "" {
		return cause
	}
	kept, found, err := n.journal.KeepDiscredited(ctx, n.conflictDir())
	if err != nil {
		return err
	}
	err = n.journal.Discredit(ctx, head, func(tx *journal.Tx) error {
		if err := replication.Discredited(tx, id, "the state store lost acknowledged changes; a new copy is taken"); err != nil {
			return err
		}
		if err := revocation.Forget(tx.Writer()); err != nil {
			return err
		}
		if err := configuration.OutrunLocks(tx.Writer()); err != nil {
			return err
		}
		return n.acts.Append(tx.Writer(), audit.Event{Actor: "system:heal", Action: "discredit_copy", Target: mdc.AgreementKind().Name + "/" + id})
	})
	if err != nil && found { // refused: whoever starts it again and again must not fill the disk with copies
		err = errors.Join(err, journal.DropConflict(n.conflictDir(), kept.ID))
	}
	if err != nil {
		return err
	}
	if found {
		n.log.Warn("the copy that counts no more is kept as a conflict file", "file", kept.ID, "records", kept.Records, "complete", kept.Complete)
	}
	n.log.Error("the state store lost acknowledged changes; a new copy is taken from the master, and nobody is served until it is here", "agreement", id, "lost_commits", n.state.LostCommits(), "error", cause)
	return nil
}

// followed gives the enabled agreement by which this data center is a clone, "" when there is none.
func (n *Node) followed(ctx context.Context) (id string, err error) {
	err = n.journal.View(ctx, func(s *journal.Snapshot) error {
		if d, err := s.DataCenter(); err != nil || d.Role != mdc.RoleClone {
			return err
		}
		return s.Range(mdc.AgreementKind(), "", func(_ string, body []byte) error {
			o, err := mdc.AgreementKind().Decode(body)
			if a, ok := o.(*mdc.Agreement); err == nil && ok && a.Side == mdc.SideClone && a.Enabled {
				id = a.Identifier
			}
			return err
		})
	})
	return id, err
}

// discardEdits ends changes that were made on this clone, after they are in a conflict file.
func (n *Node) discardEdits(ctx context.Context, actor string, edits []journal.Edit) (int, error) {
	file, kept, err := n.journal.KeepEdits(ctx, n.conflictDir())
	if err != nil {
		return 0, err
	}
	discarded, err := n.service.DiscardThese(ctx, configuration.System(actor), edits)
	if err != nil || discarded == 0 {
		return 0, errors.Join(err, n.journal.Unkeep(ctx, n.conflictDir(), file, kept))
	}
	n.log.Warn("changes that were made on this clone are discarded and kept as a conflict file", "file", file.ID)
	return discarded, nil
}

// conflictDir is where conflict files lie.
func (n *Node) conflictDir() string { return filepath.Join(n.cfg.DataDir, "conflicts") }
