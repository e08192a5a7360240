package mdc

import "github.com/concord-access/terraform-provider-concord/internal/fault"

// Purposes of cookie keysets; a token sealed for one purpose opens under no other (SEC-08).
const (
	PurposeSignIn = "sign-in"
	PurposeAgent  = "agent"
	PurposeFlow   = "flow"
	PurposeCode   = "code"
	PurposeCursor = "cursor"
	PurposeGito   = "inactivity" // the inactivity cookie on the common domain
	PurposeDevice = "device"     // the cookie of a browser that signed in before
)

// Purposes lists every purpose that has a keyset.
func Purposes() []string {
	return []string{PurposeSignIn, PurposeAgent, PurposeFlow, PurposeCode, PurposeCursor, PurposeGito, PurposeDevice}
}

// Keyset is a Tink AEAD keyset for one purpose, made by the master for the whole topology.
type Keyset struct {
	Purpose string `json:"purpose"`
	Keyset  []byte `json:"keyset"` // Tink's JSON serialization, in clear: the kind is Secret, so it is wrapped wherever it is kept or sent
}

// KeysetKind describes keysets.
func KeysetKind() Kind {
	return Kind{Name: "keyset", Scope: Replicated, Secret: true, New: func() Object { return &Keyset{} }}
}

// ObjectName is the purpose.
func (k *Keyset) ObjectName() string { return k.Purpose }

// Normalize has nothing to do.
func (k *Keyset) Normalize() {}

// Validate checks the purpose.
func (k *Keyset) Validate() []fault.Field {
	var c checks
	c.oneOf("/purpose", k.Purpose, Purposes()...)
	c.want(len(k.Keyset) > 0 && len(k.Keyset) <= 64<<10, "/keyset", "is empty or longer than 64 KiB")
	return c.fields
}

// References gives none.
func (k *Keyset) References() []Reference { return nil }

// String hides the keys.
func (Keyset) String() string { return "[redacted]" }

// DataCenterKey holds a data center's public keys: the HPKE key to which secret objects are sealed in transport, and the key
// that its promotions are signed with. The master writes one for each member of its agreements.
type DataCenterKey struct {
	ClusterID     string `json:"cluster_id"`
	PublicKey     []byte `json:"public_key"`               // X25519, 32 bytes
	MastershipKey []byte `json:"mastership_key,omitempty"` // Ed25519, 32 bytes; empty where an older version wrote it
}

// DataCenterKeyKind describes data center keys.
func DataCenterKeyKind() Kind {
	return Kind{Name: "data_center_key", Scope: Replicated, FoldCase: true, New: func() Object { return &DataCenterKey{} }}
}

// ObjectName is the cluster id.
func (k *DataCenterKey) ObjectName() string { return k.ClusterID }

// Normalize has nothing to do.
func (k *DataCenterKey) Normalize() {}

// Validate checks the shape.
func (k *DataCenterKey) Validate() []fault.Field {
	var c checks
	c.want(ValidClusterID(k.ClusterID), "/cluster_id", "is no cluster id")
	c.want(len(k.PublicKey) == 32, "/public_key", "is not 32 bytes")
	c.want(len(k.MastershipKey) == 0 || len(k.MastershipKey) == 32, "/mastership_key", "is not 32 bytes")
	return c.fields
}

// References gives none.
func (k *DataCenterKey) References() []Reference { return nil }
