package replication

import (
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Copied marks, in the transaction in which a former master becomes a clone, that the agreement's copy is in force already:
// what is here was its own, and it goes on serving it.
func Copied(tx *journal.Tx, agreement, reason string) error {
	return writeMark(tx.Writer(), agreement, mark{State: mdc.AgreementStale, Reason: reason, Copy: true})
}

// Discredited marks, in the transaction in which a clone gives up a copy that lost acknowledged changes, that a first copy is to
// be taken again. Until it is here the data center is not ready.
func Discredited(tx *journal.Tx, agreement, reason string) error {
	return writeMark(tx.Writer(), agreement, mark{State: mdc.AgreementBootstrapping, Reason: reason})
}
