package wire

import (
	"encoding/json"
	"time"
)

// TrustBundle is /v1/trust/bundle: this data center's own roots, and how far their rotation is.
type TrustBundle struct {
	ID                 string       `json:"id"`              // cluster id
	CertificatePEM     string       `json:"certificate_pem"` // all roots, one after another
	BundleJSON         string       `json:"bundle_json"`     // SPIFFE bundle (JWK set)
	FingerprintsSHA256 []string     `json:"fingerprints_sha256"`
	Sequence           uint64       `json:"sequence"` // grows when the roots change
	Rotation           RootRotation `json:"rotation"`
}

// Status of a root.
const (
	RootIssuing = "issuing" // certificates are issued under it
	RootNext    = "next"    // published; it will issue after the switch
	RootFormer  = "former"  // it issued before the switch, and will be retired
)

// RootRotation is how far the rotation of a data center's root is.
type RootRotation struct {
	Phase    string     `json:"phase"`     // stable, published, switched
	NextStep string     `json:"next_step"` // publish, switch, retire
	Since    *time.Time `json:"since"`     // of the phase; null = the first root was never rotated
	Ready    bool       `json:"ready"`     // the next step is made without force
	Roots    []RootView `json:"roots"`     // newest last
	// Partners tells for each registered data center which sequence of the bundle it has, durably.
	Partners   []RotationPartner `json:"partners"`
	WaitingFor []string          `json:"waiting_for"` // those that do not have the present one
	// FormerCertificates are the good certificates of others under the former root; MayRetireAt is the end of the last.
	FormerCertificates int        `json:"former_certificates"`
	MayRetireAt        *time.Time `json:"may_retire_at"` // null = no certificate keeps the former root
}

// RootView is one root.
type RootView struct {
	FingerprintSHA256 string    `json:"fingerprint_sha256"`
	Status            string    `json:"status"`
	ExpiresAt         time.Time `json:"expires_at"`
}

// RotationPartner is what a partner has of the bundle.
type RotationPartner struct {
	ClusterID            string     `json:"cluster_id"`
	AcknowledgedSequence uint64     `json:"acknowledged_sequence"` // 0 = it never asked, or has none
	AcknowledgedAt       *time.Time `json:"acknowledged_at"`
	Current              bool       `json:"current"`
}

// Rotate is the body of POST /v1/trust/bundle/rotate.
type Rotate struct {
	Step  string `json:"step,omitempty"` // publish, switch, retire, cancel; "" = the one that is due
	Force bool   `json:"force,omitempty"`
}

// RotateOutcome is the answer to it.
type RotateOutcome struct {
	Step   string      `json:"step"`
	CutOff []string    `json:"cut_off"` // partners that do not have the bundle: they are cut off at the latest when the former root is retired
	Ended  int         `json:"ended"`   // certificates of others under the retired root, which are refused from now on
	Bundle TrustBundle `json:"bundle"`  // as it is afterwards
}

// PartnerTrust is /v1/partners/{cluster_id}/trust: by what a partner is believed.
type PartnerTrust struct {
	ID              string            `json:"id"` // cluster id
	Roots           []PartnerRootView `json:"roots"`
	Sequence        uint64            `json:"sequence"`         // of the partner's bundle that was learned; 0 = none
	RevocationList  uint64            `json:"revocation_list"`  // number of the list that is held; 0 = none
	Revoked         int               `json:"revoked"`          // certificates that it takes back
	LastRefresh     *time.Time        `json:"last_refresh"`     // null = not since the start
	LastError       string            `json:"last_error"`       // "" after a success
	LastErrorAt     *time.Time        `json:"last_error_at"`    //
	Damaged         bool              `json:"damaged"`          // what is kept cannot be read: the partner is not believed
	AcknowledgedOur uint64            `json:"acknowledged_our"` // sequence of our bundle that the partner has
}

// Sources of a partner's roots.
const (
	RootDeclared = "declared" // a trusted certificate
	RootLearned  = "learned"  // told by the partner itself
	RootRetired  = "retired"  // told once and no more: it does not count, declared or not
)

// PartnerRootView is one certificate by which a partner is, or was, believed.
type PartnerRootView struct {
	CertificateInfo
	Source string `json:"source"`
}

// PeerTrust is the answer of GET /peer/v1/trust.
type PeerTrust struct {
	Sequence uint64               `json:"sequence"`
	Bundle   json.RawMessage      `json:"bundle,omitempty"` // SPIFFE bundle; absent when the caller has it
	Number   uint64               `json:"revocation_number"`
	Lists    []PeerRevocationList `json:"revocation_lists,omitempty"` // absent when the caller has them
}

// PeerRevocationList is a certificate revocation list and the issuing certificate that signed it.
type PeerRevocationList struct {
	Issuer []byte `json:"issuer"` // DER
	List   []byte `json:"list"`   // DER
}
