package wire

import "time"

// CookieKeys is GET /v1/cookie-keys, and what rotating and revoking answer: the keys that seal cookies and codes, by id. It
// never holds a key.
type CookieKeys struct {
	ClusterID   string      `json:"cluster_id"`
	RotateEvery string      `json:"rotate_every"` // by itself, as a duration
	Keys        []CookieKey `json:"keys"`         // by purpose, the oldest first
	DataCenters []KeyHolder `json:"data_centers"` // that replicate from here
}

// CookieKey is one key.
type CookieKey struct {
	Purpose      string     `json:"purpose"` // sign-in, agent, inactivity, flow, code, cursor, device
	ID           uint32     `json:"id"`
	State        string     `json:"state"` // pending, active, retired, revoked
	CreatedAt    time.Time  `json:"created_at"`
	ActivatedAt  *time.Time `json:"activated_at,omitempty"`
	EndedAt      *time.Time `json:"ended_at,omitempty"`    // when it was retired or revoked
	OpensUntil   *time.Time `json:"opens_until,omitempty"` // of a retired one: then it is destroyed
	Acknowledged []string   `json:"acknowledged"`          // data centers that have it in this state
	Missing      []string   `json:"missing"`               // that do not yet
}

// KeyHolder is a data center that replicates from here.
type KeyHolder struct {
	ClusterID string     `json:"cluster_id"`
	Current   bool       `json:"current"`            // has every key in its present state
	HeardAt   *time.Time `json:"heard_at,omitempty"` // when it said last what it has
}

// CookieKeyRotation is POST /v1/cookie-keys/rotate.
type CookieKeyRotation struct {
	Purpose string `json:"purpose,omitempty"` // "" = every one
	Force   bool   `json:"force,omitempty"`   // activate before every data center has it
}

// CookieKeyRevocation is POST /v1/cookie-keys/revoke: one key, all of a purpose, or with force alone all.
type CookieKeyRevocation struct {
	Purpose string `json:"purpose,omitempty"`
	KeyID   uint32 `json:"key_id,omitempty"`
	Force   bool   `json:"force,omitempty"`
}

// KeysFetch is POST /peer/v1/keys/fetch: the cookie keys of a purpose, by a data center that met a cookie of which it has no key.
type KeysFetch struct {
	Purpose string `json:"purpose"`
}

// KeyBox is the answer, which the caller alone can open.
type KeyBox struct {
	Sealed []byte `json:"sealed"` // HPKE, to the caller's registered key
}
