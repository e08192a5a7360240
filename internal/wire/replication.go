package wire

import (
	"encoding/json"
	"time"
)

// HeaderBehind names the clones, separated by ", ", that an agreement with wait_for_sync made a write wait for and that had
// not acknowledged it when the wait ended. The write is done all the same.
const HeaderBehind = "Concord-Behind"

// ReplicationHello is GET /v1/replication/hello.
type ReplicationHello struct {
	OK           bool      `json:"ok"`
	ClusterID    string    `json:"cluster_id"`
	Role         string    `json:"role"`
	Epoch        uint64    `json:"epoch"`
	EpochHolder  string    `json:"epoch_holder"`
	Sequence     uint64    `json:"sequence"`
	Digest       string    `json:"digest"`
	JournalAfter uint64    `json:"journal_after"` // the journal holds the records after this sequence
	Time         time.Time `json:"time"`
}

// Verification is POST /v1/replication/agreements/{id}/verify: whether the clone has exactly the master's objects.
type Verification struct {
	ID       string        `json:"id"` // the agreement's identifier
	Equal    bool          `json:"equal"`
	Sequence uint64        `json:"sequence"` // where the clone stood when it was compared
	Digest   string        `json:"digest"`
	Repaired uint64        `json:"repaired"` // objects that were fetched and written
	Kinds    []KindVerdict `json:"kinds"`
}

// KindVerdict is the comparison of one kind.
type KindVerdict struct {
	Kind            string `json:"kind"`
	Equal           bool   `json:"equal"`
	Objects         uint64 `json:"objects"`   // that the master has
	Differing       uint64 `json:"differing"` // objects that differ, are missing or are too many; before a repair
	FirstDifference string `json:"first_difference,omitempty"`
}

// ChangelogRecord is one change in GET /v1/replication/changelog. Secrets are left out.
type ChangelogRecord struct {
	Sequence    uint64          `json:"sequence"`
	Epoch       uint64          `json:"epoch"`
	EpochHolder string          `json:"epoch_holder"`
	Time        time.Time       `json:"time"`
	Actor       string          `json:"actor"`
	Kind        string          `json:"kind"`
	Name        string          `json:"name"`
	Operation   string          `json:"operation"`          // put or delete
	Object      json.RawMessage `json:"object,omitempty"`   // after the change, without its secrets; absent for a delete
	Redacted    bool            `json:"redacted,omitempty"` // the whole object is secret
	Digest      string          `json:"digest"`             // of the state after the change
}

// Changelog is GET /v1/replication/changelog?after=&limit=.
type Changelog struct {
	Items     []ChangelogRecord `json:"items"`
	Oldest    uint64            `json:"oldest"`     // the journal holds the records after this sequence
	Latest    uint64            `json:"latest"`     // sequence of the last change
	NextAfter uint64            `json:"next_after"` // ask again with this as after
}

// PeerDigestsRequest is POST /peer/v1/replication/digests: without a kind the sums of all kinds; with one the sums of its
// buckets; with a bucket (from 0) the objects in it that come after a name.
type PeerDigestsRequest struct {
	Agreement string `json:"agreement"`
	Kind      string `json:"kind,omitempty"`
	Bucket    *int   `json:"bucket,omitempty"`
	After     string `json:"after,omitempty"`
}

// PeerDigests is the master's answer, with where it stood.
type PeerDigests struct {
	At      SnapshotBegin      `json:"at"`
	Kinds   map[string]PeerSum `json:"kinds,omitempty"`
	Buckets []PeerSum          `json:"buckets,omitempty"`
	Objects []PeerTrace        `json:"objects,omitempty"`
	More    bool               `json:"more,omitempty"`
}

// PeerSum is a count of objects with their digest.
type PeerSum struct {
	Objects uint64 `json:"objects"`
	Digest  string `json:"digest"`
}

// PeerTrace is one object by its digest.
type PeerTrace struct {
	Name   string `json:"name"`
	Digest string `json:"digest"`
}

// PeerObjectsRequest is POST /peer/v1/replication/objects.
type PeerObjectsRequest struct {
	Agreement string   `json:"agreement"`
	Kind      string   `json:"kind"`
	Names     []string `json:"names"` // at most 500
}

// PeerObjects gives those of the first `names` names that exist.
type PeerObjects struct {
	At      SnapshotBegin  `json:"at"`
	Objects []SnapshotLine `json:"objects"`
	Names   int            `json:"names"` // how many of the names this answers
}
