package wire

import "time"

// TrustInspect is POST /v1/trust/inspect.
type TrustInspect struct {
	Address string `json:"address"`          // host:port of any TLS server
	Bundle  bool   `json:"bundle,omitempty"` // ask it for GET /peer/v1/bundle too, as a Concord peer listener
}

// TrustInspection is what a remote server presents. Nothing was trusted to get it; compare the fingerprints over another channel.
type TrustInspection struct {
	ID            string              `json:"id"` // the address
	RemoteAddress string              `json:"remote_address"`
	TLSVersion    string              `json:"tls_version"`
	Certificates  []RemoteCertificate `json:"certificates"` // in the order in which it presented them, its own first; at most 16
	Bundle        []RemoteCertificate `json:"bundle"`       // the roots that its bundle names; empty unless they were asked for
	LeadsTo       []TrustAnchor       `json:"leads_to"`     // trusted certificates on the way up from the first
	Partner       string              `json:"partner"`      // cluster id of the partner that it would be taken for; "" = none
	Reason        string              `json:"reason"`       // why for none; "" = it would be taken
}

// RemoteCertificate is a certificate that a remote server showed.
type RemoteCertificate struct {
	CertificateInfo
	NotBefore      time.Time `json:"not_before"`
	SPKISHA256     string    `json:"spki_sha256"` // of its public key, lower-case hex
	PublicKey      string    `json:"public_key"`  // such as "ECDSA P-256"
	Signature      string    `json:"signature"`   // such as "ECDSA-SHA256"
	DNSNames       []string  `json:"dns_names"`
	IPAddresses    []string  `json:"ip_addresses"`
	URIs           []string  `json:"uris"`
	CertificatePEM string    `json:"certificate_pem"`
}

// TrustAnchor is a trusted certificate by its name.
type TrustAnchor struct {
	Name    string `json:"name"`
	Partner string `json:"partner"` // the only one it is for; "" = for all
}

// TrustMatrix is /v1/trust/matrix: the edges between this data center and its partners, and among those as far as they answer; and
// /peer/v1/edges: the edges from the data center that answers.
type TrustMatrix struct {
	ID    string      `json:"id"`    // cluster id of who answered
	Sound bool        `json:"sound"` // no edge is broken
	Edges []TrustEdge `json:"edges"`
}

// TrustEdge is the trust of one data center in another, in one direction. null is what could not be found out.
type TrustEdge struct {
	From           string     `json:"from"`
	To             string     `json:"to"`
	Result         string     `json:"result"` // sound, broken, absent (declared by neither side) or unknown (from could not be asked)
	Reason         string     `json:"reason"` // why it is not sound
	Declared       bool       `json:"declared"`
	Trusted        bool       `json:"trusted"`   // a certificate is declared for it
	Reachable      *bool      `json:"reachable"` // something answered at its address
	Mutual         *bool      `json:"mutual"`    // each accepted the other's certificate
	ModeEqual      *bool      `json:"mode_equal"`
	SecurityMode   string     `json:"security_mode"`
	VersionFits    *bool      `json:"version_fits"`
	Version        string     `json:"version"`         // of to
	ExpiresAt      *time.Time `json:"expires_at"`      // the earliest end on the chain that to showed
	AgreementState string     `json:"agreement_state"` // of the replication agreement between the two; "" = none
}

// CertificateExpiries is /v1/trust/expiry: every certificate whose end is watched.
type CertificateExpiries struct {
	ID           string              `json:"id"` // cluster id
	Certificates []CertificateExpiry `json:"certificates"`
}

// CertificateExpiry is when one certificate ends.
type CertificateExpiry struct {
	Role      string    `json:"role"` // root, issuer, leaf (this data center's), trusted (declared here), partner (shown by one)
	Name      string    `json:"name"`
	ExpiresAt time.Time `json:"expires_at"`
	Soon      bool      `json:"soon"` // somebody has to look after it
}
