package wire

import (
	"encoding/json"
	"time"
)

// MastershipChange is POST /v1/data-center/promote and /demote.
type MastershipChange struct {
	Force bool   `json:"force,omitempty"` // also without the other side's consent, whatever is lost
	Wait  string `json:"wait,omitempty"`  // for the new master to catch up; default "5s", at most "1m"
	To    string `json:"to,omitempty"`    // of a demotion: cluster id of the successor; default the clone that has most
}

// MastershipOutcome answers a promotion or a demotion. A Conflict says in its text what would have been lost.
type MastershipOutcome struct {
	ID           string         `json:"id"`   // cluster id of the data center that answers
	Role         string         `json:"role"` // its role now
	Epoch        uint64         `json:"epoch"`
	EpochHolder  string         `json:"epoch_holder"`
	BaseSequence uint64         `json:"base_sequence"` // the last one of the former epoch that is in force
	Changed      bool           `json:"changed"`       // false: the role was that already
	Forced       bool           `json:"forced"`
	Master       string         `json:"master"`         // cluster id; "" = nobody until a data center is promoted
	FormerMaster string         `json:"former_master"`  // cluster id; "" = none, or the same
	Reached      bool           `json:"former_reached"` // the former master took part
	Lost         *SequenceRange `json:"lost"`           // null: none that is known of
	MayBeLost    bool           `json:"may_be_lost"`    // the former master could not be asked for what it acknowledged last
}

// SequenceRange is a run of sequences, both ends included.
type SequenceRange struct {
	First uint64 `json:"first"`
	Last  uint64 `json:"last"`
}

// Why a conflict file was kept.
const (
	ConflictOvertaken   = "overtaken"
	ConflictOverwritten = "overwritten"
	ConflictEdited      = "edited"
	ConflictDiscredited = "discredited"
)

// Conflict describes a file of what was made in a data center and the master in force does not have.
type Conflict struct {
	ID           string    `json:"id"`
	Reason       string    `json:"reason"`     // overtaken: changes that lost against a promotion; overwritten: objects that a first copy replaced; edited: changes of a clone alone that were ended; discredited: the copy of a clone that lost acknowledged changes
	ClusterID    string    `json:"cluster_id"` // where the file lies
	Epoch        uint64    `json:"epoch"`      // the one that lost
	EpochHolder  string    `json:"epoch_holder"`
	Winner       uint64    `json:"winner"` // the epoch in force
	WinnerHolder string    `json:"winner_holder"`
	BaseSequence uint64    `json:"base_sequence"` // the last one that both have
	LastSequence uint64    `json:"last_sequence"`
	Time         time.Time `json:"time"`
	Records      int       `json:"records"`
	Complete     bool      `json:"complete"` // false: the journal no longer had all of them
}

// Conflicts lists the conflict files of a data center, of all its nodes.
type Conflicts struct {
	Page[Conflict]
	SilentNodes []string `json:"silent_nodes,omitempty"` // that are alive and did not say which they keep: the list may lack some
}

// ConflictView is one conflict file with some of its records.
type ConflictView struct {
	Conflict
	Changes   []ConflictChange `json:"changes"`
	NextAfter uint64           `json:"next_after"` // go on with this; 0 = that was all
}

// ConflictChange is one change in a conflict file. Object is what was written, without secrets; of a delete there is none.
type ConflictChange struct {
	Sequence  uint64          `json:"sequence"`
	Time      time.Time       `json:"time"`
	Actor     string          `json:"actor"`
	Kind      string          `json:"kind"`
	Name      string          `json:"name"`
	Operation string          `json:"operation"` // put or delete
	Object    json.RawMessage `json:"object,omitempty"`
	Digest    string          `json:"digest,omitempty"` // of the change as it would be written, secrets included, 22 characters; "" of what cannot be reapplied
}

// Reapply is POST /v1/replication/conflicts/{id}/reapply, at the master.
type Reapply struct {
	Sequence  uint64 `json:"sequence"`
	ClusterID string `json:"cluster_id,omitempty"` // where the file lies; default the data center that is asked
	Digest    string `json:"digest,omitempty"`     // of the change as it was shown; needed with cluster_id: nothing else is written
}

// PeerPosition is a place in a master's journal.
type PeerPosition struct {
	Epoch       uint64 `json:"epoch"`
	EpochHolder string `json:"epoch_holder"`
	Sequence    uint64 `json:"sequence"`
	Digest      string `json:"digest"`
}

// PeerStanding is where a data center stands among masters and clones, with the proof of its epoch.
type PeerStanding struct {
	ClusterID     string          `json:"cluster_id"`
	Role          string          `json:"role"`
	Position      PeerPosition    `json:"position"`
	YieldedTo     string          `json:"yielded_to,omitempty"`
	Promotions    []PeerPromotion `json:"promotions"` // oldest first
	MastershipKey []byte          `json:"mastership_key"`
	Secured       bool            `json:"secured,omitempty"` // of a master: a majority of the members stands in its epoch
}

// PeerPromotion begins an epoch, signed by who holds it.
type PeerPromotion struct {
	Epoch       uint64       `json:"epoch"`
	EpochHolder string       `json:"epoch_holder"`
	Base        PeerPosition `json:"base"`
	Time        time.Time    `json:"time"`
	Forced      bool         `json:"forced"`
	Signature   []byte       `json:"signature"`
}

// PeerHandover is a step that a candidate asks of the master it follows.
type PeerHandover struct {
	Agreement string       `json:"agreement"`
	Step      string       `json:"step"` // freeze, thaw, yield
	At        PeerPosition `json:"at"`
	Force     bool         `json:"force,omitempty"`
}

// PeerTake asks a clone to take its master's place; the master asks.
type PeerTake struct {
	Wait string `json:"wait"`
}

// PeerConflicts lists conflict files, for the master that is followed, or for the other nodes.
type PeerConflicts struct {
	Conflicts   []json.RawMessage `json:"conflicts"`
	SilentNodes []string          `json:"silent_nodes,omitempty"` // that are alive and did not say which they keep
}

// PeerConflict is one file with whole records, for the master that is followed.
type PeerConflict struct {
	Conflict json.RawMessage   `json:"conflict"`
	Records  []json.RawMessage `json:"records"`
	More     bool              `json:"more"`
}
