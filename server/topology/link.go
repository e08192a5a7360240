package topology

import (
	"context"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// Link reaches partners over the peer listener by cluster id. An error that the partner worded is a fault.Error with its
// kind and code; when the partner does not know or trust us it is of kind Forbidden or Unauthenticated; anything else
// means that it could not be reached. Agreements bounds every call by its context, also the minute of a first copy.
type Link interface {
	Hello(ctx context.Context, clusterID string) (Hello, error)
	InstallAgreement(ctx context.Context, clusterID string, a mdc.Agreement) (Installed, error)
	ChangeAgreement(ctx context.Context, clusterID string, a mdc.Agreement) (Installed, error)
	RemoveAgreement(ctx context.Context, clusterID, identifier string) error
}

// Hello is what a partner says of itself.
type Hello struct {
	ClusterID       string
	NodeName        string
	Version         string
	Time            time.Time
	Role            string // mdc.Role…
	AgentID         string // of its partner profile
	AllowManagement bool
	Epoch           mdc.Epoch
	Sequence        uint64
	Ready           bool
	AdminURL        string
	Objects         uint64 // replicated objects that an administrator made there; see Agreements.OwnObjects
	Edits           int    // replicated objects that an administrator of a write-enabled clone made differ from its master's
	PublicKey       []byte // X25519, 32 bytes
	MastershipKey   []byte // Ed25519, 32 bytes; empty from an older version
	SecurityMode    string // mdc.Mode…; "" from an older version
	WriteRequires   string // mdc.Write…; "" from an older version
	Availability    string // mdc.Availability…; "" from an older version
	Follows         string // cluster id of the master that it has an agreement with; "" also from an older version

	CertificateExpiresAt time.Time     // of the certificate it showed; the link knows it, not the partner's word
	CertificateLife      time.Duration // of that certificate, as a whole
	ChainExpiresAt       time.Time     // the earliest end between that and what is trusted; likewise
}

// Identities keeps the credentials by which clones ask their masters: the clone's secret, and its SHA-256 at the master.
type Identities interface {
	// Make gives the clone's side of an agreement a new secret, and its SHA-256.
	Make(tx store.Writer, agreement string) (hash []byte, err error)
	// Hash gives the SHA-256 of the clone's secret; nil when there is none.
	Hash(r store.Reader, agreement string) (hash []byte, err error)
	// Register keeps what a clone said; an empty one changes nothing.
	Register(tx store.Writer, agreement string, hash []byte) (changed bool, err error)
	// Forget removes both.
	Forget(tx store.Writer, agreement string) error
}

// Installed is what the clone answers about its half of an agreement.
type Installed struct {
	State    string // mdc.Agreement…
	Position mdc.Position
	Error    string // the last one, "" when all is well
	Kept     string // the conflict file with its own objects that the first copy replaced; "" = none
	Identity []byte // SHA-256 of the credential that it will show; empty from an older version
}

// Actor is who asks, for journal and audit.
type Actor struct {
	Name      string
	RequestID string
	Address   string // that it came from; "" = not known
}
