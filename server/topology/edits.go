package topology

import (
	"context"
	"errors"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
)

// diverged refuses what a clone may not do while it holds changes of its own; then says how to go on besides.
func diverged(clusterID string, edits int, then string) error {
	return fault.New(fault.Conflict, "diverged",
		"%s holds %d %s from its master's. Make those changes on the master or discard them (concord replication divergences). %s.",
		clusterID, edits, plural(edits, "object that was changed there and differs", "objects that were changed there and differ"), then)
}

// withoutEdits runs change in one transaction that also ends every edit of this clone, which is kept as a conflict file before.
func (m *Mastership) withoutEdits(ctx context.Context, change func(*journal.Tx) error) error {
	for range 16 {
		file, kept, err := m.c.Log.KeepEdits(ctx, m.c.Conflicts)
		if err != nil {
			return err
		}
		if len(kept) > 0 {
			m.c.Logger.Warn("changes that were made on this clone alone are kept as a conflict file", "file", file.ID, "records", len(kept))
		}
		err = m.c.Log.Update(ctx, func(tx *journal.Tx) error {
			_, left, err := tx.DiscardThese(kept)
			if err == nil && left > 0 {
				err = errMoved // another one was made meanwhile: it must be in the file too
			}
			if err != nil {
				return err
			}
			return change(tx)
		})
		if err != nil {
			err = errors.Join(err, m.c.Log.Unkeep(ctx, m.c.Conflicts, file, kept))
		}
		if !errors.Is(err, errMoved) {
			return err
		}
	}
	return fault.New(fault.Conflict, "contended", "Changes are being made on this clone all the time; close it to writes and try again.")
}
