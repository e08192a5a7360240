package wire

import "time"

// JoinTokenRequest asks for a one-time join token: POST /v1/trust/join-tokens.
type JoinTokenRequest struct {
	Purpose   string   `json:"purpose"`              // data_center, node, agent or administrator
	Name      string   `json:"name,omitempty"`       // whom a node, agent or administrator token is for
	ClusterID string   `json:"cluster_id,omitempty"` // whom a data_center token is for; "" = any data center
	TTL       string   `json:"ttl,omitempty"`        // default "15m", at most "24h"
	Endpoints []string `json:"endpoints,omitempty"`  // peer listeners as the holder reaches them, host:port; default: this node's
}

// JoinTokenView is what is known of a join token; never its secret.
type JoinTokenView struct {
	ID        string     `json:"id"`
	Purpose   string     `json:"purpose"`
	Name      string     `json:"name,omitempty"`
	ClusterID string     `json:"cluster_id,omitempty"`
	State     string     `json:"state"` // open, used, expired, revoked, locked
	CreatedAt time.Time  `json:"created_at"`
	CreatedBy string     `json:"created_by"`
	ExpiresAt time.Time  `json:"expires_at"`
	UsedAt    *time.Time `json:"used_at"`
	UsedFrom  string     `json:"used_from,omitempty"` // address
	Failures  int        `json:"failures"`            // wrong secrets that were shown with its id
}

// JoinTokenMade is a new join token. Token is answered this once and kept nowhere.
type JoinTokenMade struct {
	JoinTokenView
	Token string `json:"token"`
}

// Join lets this data center join another: POST /v1/trust/join.
type Join struct {
	Token string `json:"token"`
}

// Joined is what came of it.
type Joined struct {
	ClusterID          string   `json:"cluster_id"` // of the data center that issued the token
	AgentID            string   `json:"agent_id"`
	Primary            []string `json:"primary"`
	FingerprintsSHA256 []string `json:"fingerprints_sha256"` // of its roots that are trusted now
	Partner            string   `json:"partner"`             // names of the objects that were made here
	TrustedCertificate string   `json:"trusted_certificate"`
}

// PeerEnroll shows a join token and asks for its certificate: POST /peer/v1/enroll. No certificate is needed.
type PeerEnroll struct {
	ID      string `json:"id"`
	Purpose string `json:"purpose"`
	Secret  []byte `json:"secret"`
	CSRPEM  string `json:"csr_pem"`
}

// CertificateMade is a certificate that was issued for a request of the caller's.
type CertificateMade struct {
	CertificatePEM string    `json:"certificate_pem"` // with the issuing certificates below the root
	CAPEM          string    `json:"ca_pem"`          // the data center's roots
	Identity       string    `json:"identity"`        // its URI name
	ExpiresAt      time.Time `json:"expires_at"`
}

// AgentRenewal asks for the next certificate of the agent that asks: POST /session/v1/certificate.
type AgentRenewal struct {
	CSRPEM string `json:"csr_pem"`
}

// PeerJoin is a data center that joins with a token: POST /peer/v1/join. Proof binds the token's secret to the connection, to both
// cluster ids and to both bundles.
type PeerJoin struct {
	ID        string   `json:"id"`
	ClusterID string   `json:"cluster_id"`
	AgentID   string   `json:"agent_id"`
	Primary   []string `json:"primary"`
	REST      string   `json:"rest_endpoint,omitempty"`
	Bundle    string   `json:"bundle"` // the SPIFFE bundle, byte for byte
	Proof     []byte   `json:"proof"`
}

// PeerJoined answers it, with the proof of the other side.
type PeerJoined struct {
	ClusterID string   `json:"cluster_id"`
	AgentID   string   `json:"agent_id"`
	Primary   []string `json:"primary"`
	REST      string   `json:"rest_endpoint,omitempty"`
	Proof     []byte   `json:"proof"`
}
