package wire

import "time"

// CertificateOrder asks a data center for a certificate (POST /v1/certificates). Name is for node, agent and administrator,
// SANs for web_server; with a request they may be left out, and its own names are taken.
type CertificateOrder struct {
	Profile string   `json:"profile"` // node, agent, administrator, user, web_server
	Name    string   `json:"name,omitempty"`
	SANs    []string `json:"sans,omitempty"`
	TTL     string   `json:"ttl,omitempty"`     // 1m to 2160h; default the configured leaf_ttl
	CSRPEM  string   `json:"csr_pem,omitempty"` // without it the server makes a key
}

// CertificateRenewal asks for a successor of a certificate (POST /v1/certificates/{serial}/renew).
type CertificateRenewal struct {
	CSRPEM string `json:"csr_pem,omitempty"` // without it the server makes a fresh key
}

// CertificateRevocation ends one certificate (POST /v1/certificates/{serial}/revoke).
type CertificateRevocation struct {
	Reason string `json:"reason,omitempty"` // default unspecified
}

// CertificateWithdrawal ends several certificates (POST /v1/certificate-revocations): exactly one of serials, identity, node.
type CertificateWithdrawal struct {
	Serials  []string `json:"serials,omitempty"`
	Identity string   `json:"identity,omitempty"` // also kept from renewing until it is issued anew
	Node     string   `json:"node,omitempty"`     // likewise
	Reason   string   `json:"reason,omitempty"`   // unspecified, key_compromise, affiliation_changed, superseded, cessation_of_operation, privilege_withdrawn
}

// CertificatesRevoked says what a withdrawal ended.
type CertificatesRevoked struct {
	Items []CertificateView `json:"items"`
}

// CertificateView is a certificate that this data center issued.
type CertificateView struct {
	ID                string     `json:"id"` // the serial
	Serial            string     `json:"serial"`
	Profile           string     `json:"profile"`
	Identity          string     `json:"identity"`       // its URI; of a web server, its first name
	Node              string     `json:"node,omitempty"` // whose own certificate it is
	Names             []string   `json:"names"`
	Status            string     `json:"status"` // valid, expired, revoked
	IssuedAt          time.Time  `json:"issued_at"`
	IssuedBy          string     `json:"issued_by"`
	NotBefore         time.Time  `json:"not_before"`
	ExpiresAt         time.Time  `json:"expires_at"`
	FingerprintSHA256 string     `json:"fingerprint_sha256"`
	Renews            string     `json:"renews,omitempty"` // serial of the one before
	RevokedAt         *time.Time `json:"revoked_at,omitempty"`
	Reason            string     `json:"reason,omitempty"`
	CertificatePEM    string     `json:"certificate_pem"`
	ChainPEM          string     `json:"chain_pem"` // the issuing certificates, without the root
}

// IssuedCertificate is a certificate as it is answered once, when it was made.
type IssuedCertificate struct {
	CertificateView
	PrivateKeyPEM string `json:"private_key_pem,omitempty"` // of a key that the server made; it is kept nowhere
}
