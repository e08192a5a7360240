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
	NotBefore       time.Time `json:"not_before"`
	SPKISHA256      string    `json:"spki_sha256"` // of its public key, lower-case hex
	PublicKey       string    `json:"public_key"`  // such as "ECDSA P-256"
	Signature       string    `json:"signature"`   // such as "ECDSA-SHA256"
	DNSNames        []string  `json:"dns_names"`
	IPAddresses     []string  `json:"ip_addresses"`
	URIs            []string  `json:"uris"`
	CertificatePEM  string    `json:"certificate_pem"`
}

// TrustAnchor is a trusted certificate by its name.
type TrustAnchor struct {
	Name    string `json:"name"`
	Partner string `json:"partner"` // the only one it is for; "" = for all
}
