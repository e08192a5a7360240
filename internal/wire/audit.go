package wire

import "time"

// AuditEvent is one record of the audit. Kind and Name are what it is about; PrevHash is the SHA-256 of the record before it in
// the same chain, in hex.
type AuditEvent struct {
	DataCenter    string     `json:"data_center"`
	Chain         string     `json:"chain"` // acts or runtime
	Sequence      uint64     `json:"sequence"`
	Time          time.Time  `json:"time"`
	Node          string     `json:"node,omitempty"`
	Actor         string     `json:"actor"`
	Action        string     `json:"action"`
	Kind          string     `json:"kind"`
	Name          string     `json:"name,omitempty"`
	User          string     `json:"user,omitempty"`
	IdentityStore string     `json:"identity_store,omitempty"`
	SessionID     string     `json:"session_id,omitempty"`
	SSOID         string     `json:"sso_id,omitempty"`
	ClientAddress string     `json:"client_address,omitempty"`
	Agent         string     `json:"agent,omitempty"`
	Outcome       string     `json:"outcome"` // ok or refused
	Reason        string     `json:"reason,omitempty"`
	Detail        string     `json:"detail,omitempty"`
	Count         uint64     `json:"count,omitempty"` // of events since Since that this record stands for; absent = one
	Since         *time.Time `json:"since,omitempty"`
	RequestID     string     `json:"request_id,omitempty"`
	PrevHash      string     `json:"prev_hash"`
}

// AuditPage is a part of the audit. It may be empty and have a next page: then nothing fitted among what was read.
type AuditPage struct {
	Items      []AuditEvent `json:"items"`
	NextCursor string       `json:"next_cursor,omitempty"`
	Silent     []string     `json:"silent,omitempty"` // data centers that did not answer: what they have is missing
}

// AuditVerification says whether the chains are as they were written.
type AuditVerification struct {
	ID     string       `json:"id"`
	Result string       `json:"result"` // pass or fail
	Chains []AuditChain `json:"chains"`
}

// AuditChain is one of them. The hash of its last record, kept elsewhere, proves later that nothing up to there was changed.
type AuditChain struct {
	Chain    string `json:"chain"`
	Result   string `json:"result"`
	Records  uint64 `json:"records"`
	First    uint64 `json:"first"`
	Last     uint64 `json:"last"`
	LastHash string `json:"last_hash,omitempty"`
	BrokenAt uint64 `json:"broken_at,omitempty"` // the first record that does not fit
	Reason   string `json:"reason,omitempty"`
}

// PeerAudit is a part of the audit for another data center, with where to go on.
type PeerAudit struct {
	Records []AuditEvent `json:"records"`
	Acts    uint64       `json:"acts"`
	Runtime uint64       `json:"runtime"`
	Done    bool         `json:"done"`
	Bound   time.Time    `json:"bound"`
}

// HeaderSilent names, in an answer of JSON lines, the data centers that did not answer.
const HeaderSilent = "Concord-Audit-Silent"

// AuditLinesType is the media type of one record a line.
const AuditLinesType = "application/x-ndjson"
