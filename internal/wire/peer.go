package wire

import (
	"encoding/json"
	"time"
)

// PeerHello is GET /peer/v1/hello: who answers, and where it stands.
type PeerHello struct {
	ClusterID       string    `json:"cluster_id"`
	NodeName        string    `json:"node_name"`
	Version         string    `json:"version"`
	Time            time.Time `json:"time"`
	Role            string    `json:"role"`
	AgentID         string    `json:"agent_id"`
	AllowManagement bool      `json:"allow_management"`
	Epoch           uint64    `json:"epoch"`
	EpochHolder     string    `json:"epoch_holder"`
	Sequence        uint64    `json:"sequence"`
	Ready           bool      `json:"ready"`
	AdminURL        string    `json:"admin_url"`
	Objects         uint64    `json:"objects"`                  // replicated objects that an administrator made here
	Edits           int       `json:"edits,omitempty"`          // replicated objects that a write-enabled clone holds otherwise than its master
	PublicKey       []byte    `json:"public_key"`               // X25519, for sealing secret objects
	MastershipKey   []byte    `json:"mastership_key,omitempty"` // Ed25519, for judging promotions
	SecurityMode    string    `json:"security_mode,omitempty"`  // of the peer listener; absent from an older version
	Availability    string    `json:"availability,omitempty"`   // active, hot_standby or passive; absent from an older version
	WriteRequires   string    `json:"write_requires,omitempty"` // local or majority; absent from an older version
	Follows         string    `json:"follows,omitempty"`        // cluster id of the master that it has an agreement with; absent from a master
}

// PeerAgreement installs or changes the clone's half: PUT /peer/v1/replication/agreements/{id}, called by the master.
type PeerAgreement struct {
	Identifier       string `json:"identifier"`
	Name             string `json:"name"`
	Source           string `json:"source"`
	Target           string `json:"target"`
	DocumentType     string `json:"document_type"`
	Enabled          bool   `json:"enabled"`
	PollInterval     string `json:"poll_interval"`
	Follow           bool   `json:"follow"`
	WaitForSync      bool   `json:"wait_for_sync,omitempty"`
	Overwrite        bool   `json:"overwrite"`
	StartingSequence uint64 `json:"starting_sequence"`
}

// SchemeReplication is the Authorization scheme by which a clone shows the credential of an agreement's replication identity:
// "Concord-Replication IDENTIFIER:SECRET", the secret in base64url without padding.
const SchemeReplication = "Concord-Replication"

// PeerFollow is POST /peer/v1/mastership/follow: the agreement that the caller follows this master by, and what it will show.
type PeerFollow struct {
	PeerAgreement
	IdentityHash []byte `json:"identity_hash,omitempty"` // SHA-256 of the credential; absent from an older version
}

// PeerAgreementState is the clone's answer.
type PeerAgreementState struct {
	State       string `json:"state"`
	Epoch       uint64 `json:"epoch"`
	EpochHolder string `json:"epoch_holder"`
	Sequence    uint64 `json:"sequence"`
	Digest      string `json:"digest"`
	Error       string `json:"error,omitempty"`
	// KeptConflict is the conflict file with the clone's own objects that the first copy replaced.
	KeptConflict string `json:"kept_conflict,omitempty"`
	// IdentityHash is the SHA-256 of the credential that the clone will show; absent from an older version.
	IdentityHash []byte `json:"identity_hash,omitempty"`
}

// JournalRecord is one change in transport. Body is absent for a delete; Sealed replaces Body for secret kinds.
type JournalRecord struct {
	Sequence    uint64          `json:"sequence"`
	Epoch       uint64          `json:"epoch"`
	EpochHolder string          `json:"epoch_holder"`
	Time        time.Time       `json:"time"`
	Actor       string          `json:"actor"`
	Kind        string          `json:"kind"`
	Name        string          `json:"name"`
	Operation   string          `json:"operation"` // put or delete
	Body        json.RawMessage `json:"body,omitempty"`
	Sealed      []byte          `json:"sealed,omitempty"`
	Digest      string          `json:"digest"` // of the state after it
}

// JournalPage is GET /peer/v1/replication/journal?agreement=&after=&epoch=&epoch_holder=&digest=&wait=: records in order, or the order
// to take a snapshot.
type JournalPage struct {
	Records      []JournalRecord `json:"records"`
	Latest       uint64          `json:"latest"` // the master's sequence when it answered
	SnapshotFrom string          `json:"snapshot_from,omitempty"`
	Rewritten    bool            `json:"rewritten,omitempty"` // the master has other changes at the clone's position, in the same epoch
}

// SnapshotLine is one line of GET /peer/v1/replication/snapshot (newline-delimited JSON, gzip when asked for): the first
// has Begin, then one an object, the last has End.
type SnapshotLine struct {
	Begin  *SnapshotBegin  `json:"begin,omitempty"`
	Kind   string          `json:"kind,omitempty"`
	Name   string          `json:"name,omitempty"`
	Body   json.RawMessage `json:"body,omitempty"`
	Sealed []byte          `json:"sealed,omitempty"`
	End    *SnapshotEnd    `json:"end,omitempty"`
}

// SnapshotBegin says what the snapshot is a copy of.
type SnapshotBegin struct {
	Epoch       uint64 `json:"epoch"`
	EpochHolder string `json:"epoch_holder"`
	Sequence    uint64 `json:"sequence"`
	Digest      string `json:"digest"`
}

// SnapshotEnd proves that the snapshot is whole.
type SnapshotEnd struct {
	Objects uint64 `json:"objects"`
}

// RetrieveRequest is POST /peer/v1/sessions/retrieve.
type RetrieveRequest struct {
	ID         string `json:"id"`
	SSOID      string `json:"sso_id"`
	Proof      []byte `json:"proof"`
	ForCluster string `json:"for_cluster"`
	JTI        string `json:"jti,omitempty"` // of a code that is being redeemed; the issuer marks it used
}

// Results of a retrieval.
const (
	RetrieveFound   = "found"
	RetrieveMoved   = "moved"
	RetrieveEnded   = "ended"
	RetrieveUnknown = "unknown"
)

// RetrieveAnswer is what the asked data center knows.
type RetrieveAnswer struct {
	Result   string       `json:"result"`
	Session  *PeerSession `json:"session,omitempty"` // with found
	Moved    *OriginRef   `json:"moved,omitempty"`   // with moved: where the sign-on is
	CodeUsed bool         `json:"code_used,omitempty"`
}

// PeerSession is a session as one data center gives it to another (OAM-18).
type PeerSession struct {
	ID              string            `json:"id"`
	SSOID           string            `json:"sso_id"`
	User            string            `json:"user"`
	Store           string            `json:"store"`
	Attributes      map[string]string `json:"attributes,omitempty"`
	Groups          []string          `json:"groups,omitempty"`
	Level           int               `json:"level"`
	Scheme          string            `json:"scheme,omitempty"`
	Methods         []string          `json:"methods,omitempty"`
	ClientAddress   string            `json:"client_address,omitempty"`
	AuthenticatedAt time.Time         `json:"authenticated_at"`
	ExpiresAt       time.Time         `json:"expires_at"`
	LastAccess      time.Time         `json:"last_access"`
	Members         []string          `json:"members,omitempty"`
	CreatedAt       time.Time         `json:"created_at,omitzero"` // here; who takes the sign-on over counts as later
}

// SessionEvents is POST /peer/v1/sessions/events.
type SessionEvents struct {
	Events []SessionEvent `json:"events"`
}

// SessionEvent tells a member what happened to a sign-on elsewhere.
type SessionEvent struct {
	ID        string    `json:"id"`   // of the message; a repeat changes nothing
	Kind      string    `json:"kind"` // joined, moved, touch
	SSOID     string    `json:"sso_id"`
	SessionID string    `json:"session_id,omitempty"` // with moved: the sender's
	Proof     []byte    `json:"proof,omitempty"`
	At        time.Time `json:"at"`
}

// LastAccessRequest is POST /peer/v1/sessions/last-access: when sign-ons were used last here.
type LastAccessRequest struct {
	Sessions []SignOnRef `json:"sessions"`
}

// SignOnRef names a sign-on.
type SignOnRef struct {
	SSOID string `json:"sso_id"`
}

// LastAccessAnswer has one item for each that was asked, in the same order.
type LastAccessAnswer struct {
	Sessions []LastAccess `json:"sessions"`
}

// LastAccess is absent where the caller is no member of a session here.
type LastAccess struct {
	LastAccess *time.Time `json:"last_access,omitempty"`
}

// ReserveRequest is POST /peer/v1/sessions/reserve: a place among a user's sign-ons, for ten seconds.
type ReserveRequest struct {
	Store   string    `json:"store"`
	User    string    `json:"user"`
	SSOID   string    `json:"sso_id"`
	At      time.Time `json:"at"`
	Release bool      `json:"release,omitempty"` // the sign-in came to nothing
}

// ReserveAnswer is what counts here beside it. LiveAt says when each of Live was authenticated, in the same order.
type ReserveAnswer struct {
	Live     []string      `json:"live"`
	LiveAt   []time.Time   `json:"live_at"`
	Reserved []ReservedRef `json:"reserved"`
}

// SignInAttempt is POST /peer/v1/sign-in-attempts: one check of a password, counted where the account is counted.
type SignInAttempt struct {
	Account  string     `json:"account"`
	Window   string     `json:"window"`              // always 1m
	Source   string     `json:"source,omitempty"`    // hash of the browser or of the network that asks
	Known    bool       `json:"known,omitempty"`     // the browser signed in to the account before
	GiveBack *time.Time `json:"give_back,omitempty"` // at of a check that was no wrong password
}

// SignInGrant says whether the password may be checked.
type SignInGrant struct {
	Granted bool       `json:"granted"`
	At      *time.Time `json:"at,omitempty"`
}

// MaxPasswordTurns bounds one message of them.
const MaxPasswordTurns = 1000

// PasswordTurns is POST /peer/v1/neighbours/password-turns: what passwords came to at another node, up to MaxPasswordTurns.
type PasswordTurns struct {
	Turns []PasswordTurn `json:"turns"`
}

// PasswordTurn is one password, as it counts for the pause of who guesses on.
type PasswordTurn struct {
	Series string `json:"series"` // identity store and account, 400 bytes at most
	Source string `json:"source"` // network, likewise
	Wrong  bool   `json:"wrong"`  // one more in a row; false = the series is over
}

// ReservedRef is a sign-in under way.
type ReservedRef struct {
	SSOID string    `json:"sso_id"`
	At    time.Time `json:"at"`
}

// Revocation is the durable end of a sign-on or of all of a user's.
type Revocation struct {
	Origin    string    `json:"origin"` // cluster id that made it
	Sequence  uint64    `json:"sequence"`
	Kind      string    `json:"kind"` // sso or user_not_before
	Key       string    `json:"key"`  // sso id, or store/user
	At        time.Time `json:"at"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Revocations is POST /peer/v1/revocations, and the answer to a pull. After and Through are about the sender's own entries:
// these are all of its own with After < sequence <= Through that are in force; entries of other origins are relayed.
type Revocations struct {
	After       uint64       `json:"after"`
	Through     uint64       `json:"through"`
	Revocations []Revocation `json:"revocations"`
	Next        uint64       `json:"next"` // in the answer to a pull: ask again with this as after; 0 = that was all
}

// RevocationsAnswer acknowledges: for each origin the sequence up to which everything is durably kept.
type RevocationsAnswer struct {
	Have map[string]uint64 `json:"have"`
}

// RevocationsPull is POST /peer/v1/revocations/pull: what the caller has, by origin.
type RevocationsPull struct {
	Have  map[string]uint64 `json:"have"`
	After uint64            `json:"after"`
}

// SignOnsOf is POST /peer/v1/sessions/of-user: which sign-ons of a person the asked data center knows. It is for the page on which
// people see and end their own.
type SignOnsOf struct {
	IdentityStore string `json:"identity_store"`
	User          string `json:"user"`
}

// SignOns is the answer. It holds nothing that lets anybody in.
type SignOns struct {
	SignOns []SignOn `json:"sign_ons"`
	More    bool     `json:"more"` // there are more than are listed
}

// SignOn is one sign-in of a person.
type SignOn struct {
	SSOID           string    `json:"sso_id"`
	ClientAddress   string    `json:"client_address,omitempty"`
	AuthenticatedAt time.Time `json:"authenticated_at"`
	LastAccess      time.Time `json:"last_access"`
	ExpiresAt       time.Time `json:"expires_at"`
}
