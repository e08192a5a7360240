package wire

import (
	"encoding/json"
	"time"
)

// Batch is the body of POST /v1/batch: up to 10,000 operations, all of which are done or none.
type Batch struct {
	Operations []BatchOperation `json:"operations"`
}

// BatchOperation is one write as its own route would take it. It sees what the operations before it did.
type BatchOperation struct {
	Method      string          `json:"method"` // PUT, PATCH, DELETE
	Kind        string          `json:"kind"`   // user, group, ...: a kind as errors name it, not its path
	Name        string          `json:"name"`   // "default", or nothing, for a singleton; kind/name for an override
	IfMatch     string          `json:"if_match,omitempty"`
	IfNoneMatch bool            `json:"if_none_match,omitempty"` // create only
	Lock        uint64          `json:"lock,omitempty"`          // fencing number of the lock that the writer holds
	Body        json.RawMessage `json:"body,omitempty"`          // not for DELETE
}

// BatchAnswer says what came out, one result for each operation in their order.
type BatchAnswer struct {
	Results []BatchResult `json:"results"`
}

// BatchResult is what an operation did.
type BatchResult struct {
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	ETag   string `json:"etag,omitempty"` // none when deleted
	Status string `json:"status"`         // created, changed, unchanged, deleted
}

// LockRequest is what PUT /v1/locks/{kind}/{name} takes.
type LockRequest struct {
	Owner   string `json:"owner"`             // the holder's own word for itself; the same administrator and owner get more time
	Timeout string `json:"timeout,omitempty"` // 1s to 24h; default the data center's lock_timeout
}

// LockView is a lock that is held.
type LockView struct {
	ID            string    `json:"id"` // kind/name
	Kind          string    `json:"kind"`
	Name          string    `json:"name"`
	Owner         string    `json:"owner"`
	Actor         string    `json:"actor"`
	FencingNumber uint64    `json:"fencing_number"` // to be sent as Concord-Lock with each write
	TakenAt       time.Time `json:"taken_at"`
	ExpiresAt     time.Time `json:"expires_at"`
}
