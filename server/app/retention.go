package app

import (
	"context"
	"strconv"

	"github.com/concord-access/terraform-provider-concord/internal/failpoint"
	"github.com/concord-access/terraform-provider-concord/server/journal"
)

// retain keeps the journal within what the node's file says.
func (n *Node) retain(ctx context.Context) error {
	r := journal.Retention{KeepRecords: n.cfg.Journal.KeepRecords, KeepFor: n.cfg.Journal.KeepFor}
	if few, err := strconv.ParseUint(failpoint.Instead("retention", ""), 10, 32); err == nil {
		r = journal.Retention{KeepRecords: few} // fewer than the file allows, so that a torture run need not wait
	}
	return n.journal.Retain(ctx, r, n.log)
}
