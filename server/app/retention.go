package app

import (
	"context"

	"github.com/concord-access/terraform-provider-concord/server/journal"
)

// retain keeps the journal within what the node's file says.
func (n *Node) retain(ctx context.Context) error {
	return n.journal.Retain(ctx, journal.Retention{KeepRecords: n.cfg.Journal.KeepRecords, KeepFor: n.cfg.Journal.KeepFor}, n.log)
}
