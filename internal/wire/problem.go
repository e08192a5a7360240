package wire

// ProblemType is the media type of an error (RFC 9457).
const ProblemType = "application/problem+json"

// Problem is an error document, RFC 9457 with Concord's stable code.
type Problem struct {
	Type      string         `json:"type"` // "urn:concord:problem:" + code
	Title     string         `json:"title"`
	Status    int            `json:"status"`
	Detail    string         `json:"detail"`
	Code      string         `json:"code"`
	Kind      string         `json:"kind"` // invalid, unauthenticated, forbidden, not_found, conflict, precondition, too_large, unavailable, internal
	RequestID string         `json:"request_id"`
	Hint      string         `json:"hint,omitempty"` // the master's address for not_master, and the like
	Errors    []ProblemField `json:"errors,omitempty"`
}

// ProblemField is one wrong part of an input.
type ProblemField struct {
	Pointer string `json:"pointer"` // RFC 6901
	Detail  string `json:"detail"`
}

// Header names that Concord uses on every listener.
const (
	HeaderRequestID = "X-Request-Id"
	HeaderCluster   = "X-Concord-Cluster" // cluster id of the data center that answered
	HeaderNode      = "X-Concord-Node"    // node that answered
	// HeaderIdempotencyKey makes an order of a certificate one that may be repeated (draft-ietf-httpapi-idempotency-key-header-07).
	HeaderIdempotencyKey = "Idempotency-Key"
	HeaderLock           = "Concord-Lock" // fencing number of the lock that a writer holds
)

// Header names that every message between data centers carries, besides HeaderCluster, in both directions.
const (
	HeaderEpoch   = "X-Concord-Epoch"   // the sender's epoch, "NUMBER/CLUSTER-ID"
	HeaderVersion = "X-Concord-Version" // the sender's version
	HeaderTime    = "X-Concord-Time"    // the sender's clock, RFC 3339 in UTC
)
