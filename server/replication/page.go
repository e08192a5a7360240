package replication

import (
	"time"

	"github.com/concord-access/terraform-provider-concord/server/journal"
)

// MaxWait bounds one long poll. It is below the idle time-outs that firewalls and balancers commonly have.
const MaxWait = 25 * time.Second

const (
	maxPage = 512 << 10 // bytes of records in one answer
	// firstPage is the same for a question that is not one of several ahead: the clone applies what it got while it asks for the rest,
	// and begins the sooner the less it is.
	firstPage = 128 << 10
)

// Entry is a record on its way. Sealed takes the place of Body for kinds that are secret.
type Entry struct {
	journal.Record
	Sealed []byte
}

// Page answers a clone's question: records in order that continue its position, or the order to take a snapshot.
type Page struct {
	Records      []Entry
	Latest       uint64 // the master's sequence when it answered
	Rewritten    bool   // with SnapshotFrom: in one epoch the master has other changes up to the clone's position than the clone got from it
	SnapshotFrom string // not empty: why the journal cannot continue the clone's position; Records is empty then
	Ahead        bool   // the master also answers Ahead; one of an earlier version would take the question for an acknowledgement
}

// Item is one object of a snapshot on its way. Sealed takes the place of Body for kinds that are secret.
type Item struct {
	journal.Item
	Sealed []byte
}
