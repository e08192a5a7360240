package wire

import "time"

// DataCenter is the writable half of /v1/data-center.
type DataCenter struct {
	ClusterID    string `json:"cluster_id"`
	DisplayName  string `json:"display_name,omitempty"`
	Role         string `json:"role"`
	WriteEnabled *bool  `json:"write_enabled,omitempty"`
	SecurityMode string `json:"security_mode,omitempty"`
	LockTimeout  string `json:"lock_timeout,omitempty"` // default "3m"
	// WriteRequires: who must have a change of replicated configuration before it is acknowledged: local (this data center,
	// the default) or majority (of the data centers of the topology, when this one is the master).
	WriteRequires string `json:"write_requires,omitempty"`
	// Availability: active (the default), hot_standby (gets users while no active data center serves) or passive (gets none).
	Availability string `json:"availability,omitempty"`

	SessionCapacity *int `json:"session_capacity,omitempty"` // sessions that it holds at most; 0 = no limit
}

// DataCenterView is /v1/data-center as it is answered. WriteEnabled is always set in a view.
type DataCenterView struct {
	DataCenter
	ID           string `json:"id"`    // the cluster id
	State        string `json:"state"` // active, bootstrapping, replication_ready
	Epoch        uint64 `json:"epoch"`
	EpochHolder  string `json:"epoch_holder"` // cluster id of the master of this epoch
	LastSequence uint64 `json:"last_sequence"`
	Digest       string `json:"digest"`
	Mastership   string `json:"mastership,omitempty"` // of a master with clones: proved, checking, unproved, fenced
	PeerURL      string `json:"peer_url"`             // https://host:port of the peer listener
	RuntimeURL   string `json:"runtime_url"`          // https://host:port of the runtime listener
	NodeName     string `json:"node_name"`            // the node that answered
	Version      string `json:"version"`
}

// PartnerProfile is /v1/partner-profile.
type PartnerProfile struct {
	AgentID           string `json:"agent_id"`
	AllowManagement   bool   `json:"allow_management"`
	Passphrase        string `json:"passphrase,omitempty"`         // write-only: what callers must prove; absent keeps the present one
	PassphraseVersion int64  `json:"passphrase_version,omitempty"` // any number; another one opens the pairing again
}

// PartnerProfileView is /v1/partner-profile as it is answered.
type PartnerProfileView struct {
	PartnerProfile
	ID string `json:"id"`
}

// Partner is the writable half of /v1/partners/{cluster_id}.
type Partner struct {
	ClusterID    string   `json:"cluster_id"`
	AgentID      string   `json:"agent_id"`
	Primary      []string `json:"primary"`
	Secondary    []string `json:"secondary,omitempty"`
	SecurityMode string   `json:"security_mode,omitempty"` // absent: this data center's
	RESTEndpoint string   `json:"rest_endpoint,omitempty"`

	Passphrase        string `json:"passphrase,omitempty"`         // write-only: what we prove there; absent keeps the present one
	PassphraseVersion int64  `json:"passphrase_version,omitempty"` // any number; another one opens the pairing again
}

// PartnerView is a partner as it is answered.
type PartnerView struct {
	Partner
	ID                   string     `json:"id"`
	Reachable            bool       `json:"reachable"`
	CertificateExpiresAt *time.Time `json:"certificate_expires_at"` // of the certificate it showed last; null = never reached
	Paired               bool       `json:"paired"`                 // in mode simple: the roots were exchanged under the passphrase
	PairedAt             *time.Time `json:"paired_at"`              // null = never
	PairingError         string     `json:"pairing_error,omitempty"`
	PinnedSHA256         []string   `json:"pinned_sha256,omitempty"` // fingerprints of the roots that the pairing pinned
}

// TrustedCertificate is the writable half of /v1/trust/certificates/{name}.
type TrustedCertificate struct {
	Name           string `json:"name"`
	CertificatePEM string `json:"certificate_pem"`
	Partner        string `json:"partner,omitempty"`
}

// CertificateInfo describes one certificate.
type CertificateInfo struct {
	Kind              string    `json:"kind"` // root, intermediate, server
	IssuedTo          string    `json:"issued_to"`
	IssuedBy          string    `json:"issued_by"`
	ExpiresAt         time.Time `json:"expires_at"`
	FingerprintSHA256 string    `json:"fingerprint_sha256"` // lower-case hex of the DER's SHA-256
}

// TrustedCertificateView is a trusted certificate as it is answered; the singular attributes describe the first one.
type TrustedCertificateView struct {
	TrustedCertificate
	CertificateInfo
	ID           string            `json:"id"`
	Certificates []CertificateInfo `json:"certificates"`
}

// Agreement is what a caller writes of a replication agreement. Name, source, target, document_type and overwrite count
// only when it is created.
type Agreement struct {
	Name         string `json:"name"`
	Source       string `json:"source"`
	Target       string `json:"target"`
	DocumentType string `json:"document_type,omitempty"` // default "ENTITY"
	Enabled      *bool  `json:"enabled,omitempty"`       // default true
	PollInterval string `json:"poll_interval,omitempty"` // default "15m"
	Follow       *bool  `json:"follow,omitempty"`        // default true
	WaitForSync  bool   `json:"wait_for_sync,omitempty"` // the answer to a write waits for this clone
	Overwrite    bool   `json:"overwrite,omitempty"`
}

// AgreementChange is what PATCH changes of an agreement; what is absent stays.
type AgreementChange struct {
	Enabled      *bool  `json:"enabled,omitempty"`
	PollInterval string `json:"poll_interval,omitempty"`
	Follow       *bool  `json:"follow,omitempty"`
	WaitForSync  *bool  `json:"wait_for_sync,omitempty"`
}

// AgreementView is an agreement as one side answers it.
type AgreementView struct {
	Agreement
	ID               string `json:"id"` // the identifier
	Identifier       string `json:"identifier"`
	Side             string `json:"side"`  // master or clone: the side that answered
	State            string `json:"state"` // bootstrapping, ready, disabled, stale, stopped
	StartingSequence uint64 `json:"starting_sequence"`
	LastSequence     uint64 `json:"last_sequence"` // the last one that the clone has
	LagEntries       uint64 `json:"lag_entries"`
	// ReplicationIdentity is whom the clone asks as: a name of this agreement's own, with a credential that only it opens with.
	ReplicationIdentity string `json:"replication_identity"`
	// KeptConflict is the conflict file at the clone that keeps objects of its own which the first copy replaced: in the answer
	// to the agreement's creation, and at the clone. Absent when there were none.
	KeptConflict string `json:"kept_conflict,omitempty"`
}

// ReplicationStatus is /v1/replication/status.
type ReplicationStatus struct {
	ID         string            `json:"id"` // cluster id
	Role       string            `json:"role"`
	Epoch      uint64            `json:"epoch"`
	Sequence   uint64            `json:"sequence"`
	Digest     string            `json:"digest"`
	Healthy    bool              `json:"healthy"`
	Reason     string            `json:"reason,omitempty"` // about the packages' contents, when some are missing here, and about the majority
	Majority   string            `json:"majority"`         // at a master with write_requires = "majority": reached or lost; otherwise empty
	Missing    int               `json:"blobs_missing"`    // contents of packages that are not in this data center
	Agreements []AgreementStatus `json:"agreements"`
}

// AgreementStatus is the verdict on one agreement, as this side knows it.
type AgreementStatus struct {
	Identifier      string     `json:"identifier"`
	Name            string     `json:"name"`
	Side            string     `json:"side"`
	Source          string     `json:"source"`
	Target          string     `json:"target"`
	State           string     `json:"state"`
	AppliedSequence uint64     `json:"applied_sequence"`
	LatestSequence  uint64     `json:"latest_sequence"`
	LagEntries      uint64     `json:"lag_entries"`
	LagSeconds      *float64   `json:"lag_seconds"`  // null: the clone has not shown where it stands, so nobody measured it
	DigestEqual     *bool      `json:"digest_equal"` // null: not comparable now
	LastSuccess     *time.Time `json:"last_success"`
	LastError       string     `json:"last_error,omitempty"`
	LastErrorAt     *time.Time `json:"last_error_at"`
	Diverged        int        `json:"diverged"`           // objects that an administrator changed on the write-enabled clone
	ClockSkew       *float64   `json:"clock_skew_seconds"` // the other side's clock less this one's; null: it does not answer
	Healthy         bool       `json:"healthy"`
	Reason          string     `json:"reason"`
}

// SessionPolicy is /v1/session-policy.
type SessionPolicy struct {
	RetrieveOnDemand      *bool  `json:"retrieve_on_demand,omitempty"`
	RetrievalMaxAttempts  *int   `json:"retrieval_max_attempts,omitempty"`
	RetrievalMaxWait      string `json:"retrieval_max_wait,omitempty"`
	ContinueOnSyncFailure *bool  `json:"continue_on_sync_failure,omitempty"`
	IdleTimeout           string `json:"idle_timeout,omitempty"`
	Lifetime              string `json:"lifetime,omitempty"`
	MaxDegradedAge        string `json:"max_degraded_age,omitempty"`
	SignInURL             string `json:"sign_in_url,omitempty"`

	Anchored         *bool  `json:"anchored,omitempty"`
	Reauthenticate   *bool  `json:"reauthenticate,omitempty"`
	GitoCookieDomain string `json:"gito_cookie_domain,omitempty"`
	IdentityRecheck  string `json:"identity_recheck,omitempty"`

	MaxSessionsPerUser         *int   `json:"max_sessions_per_user,omitempty"`
	MaxSessionsAction          string `json:"max_sessions_action,omitempty"`           // deny, end_oldest
	MaxSessionsWhenPartitioned string `json:"max_sessions_when_partitioned,omitempty"` // local, allow, deny
}

// SessionPolicyView is the session policy as it is answered: every field set.
type SessionPolicyView struct {
	SessionPolicy
	ID         string   `json:"id"`
	Overridden []string `json:"overridden,omitempty"` // JSON pointers of what an override gives in this data center
}

// User is the writable half of /v1/users/{name}. Password absent keeps the present one.
type User struct {
	Name        string            `json:"name"`
	DisplayName string            `json:"display_name,omitempty"`
	Email       string            `json:"email,omitempty"`
	Groups      []string          `json:"groups,omitempty"`
	Attributes  map[string]string `json:"attributes,omitempty"`
	Enabled     *bool             `json:"enabled,omitempty"`
	Password    string            `json:"password,omitempty"`
	// ImportedHash takes a password's hash over from another system, instead of Password: bcrypt, {SSHA}, {SSHA256}, {SSHA512} or argon2id.
	// It is hashed anew at the next sign-in.
	ImportedHash string `json:"imported_hash,omitempty"`

	SecurityDomain string `json:"security_domain,omitempty"`
}

// UserView is a user as it is answered; Password is always empty.
type UserView struct {
	User
	ID string `json:"id"`
}

// Group is the writable half of /v1/groups/{name}.
type Group struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`

	SecurityDomain string `json:"security_domain,omitempty"`
}

// GroupView is a group as it is answered.
type GroupView struct {
	Group
	ID string `json:"id"`
}

// Application is the writable half of /v1/applications/{name}.
type Application struct {
	Name      string              `json:"name"`
	Hosts     []string            `json:"hosts"`
	Resources map[string]Resource `json:"resources,omitempty"`

	SecurityDomain string `json:"security_domain,omitempty"`
}

// Resource is a set of paths of an application.
type Resource struct {
	Paths                []string `json:"paths"`
	Methods              []string `json:"methods,omitempty"`
	Protection           string   `json:"protection,omitempty"` // default "protected"
	AuthenticationScheme string   `json:"authentication_scheme,omitempty"`
	AuthorizationPolicy  string   `json:"authorization_policy,omitempty"`
}

// ApplicationView is an application as it is answered.
type ApplicationView struct {
	Application
	ID         string   `json:"id"`
	Overridden []string `json:"overridden,omitempty"` // JSON pointers of what an override gives in this data center
}

// Agent is the writable half of /v1/agents/{name}. Secret absent keeps the present one.
type Agent struct {
	Name           string   `json:"name"`
	Hosts          []string `json:"hosts"`
	StartPage      string   `json:"start_page,omitempty"`
	CookieLifetime string   `json:"cookie_lifetime,omitempty"`
	Secret         string   `json:"secret,omitempty"`
	// CertificateIdentities are the URI names of certificates that may ask as this agent: spiffe://<cluster id in lower case>/agent/<agent>.
	CertificateIdentities []string `json:"certificate_identities,omitempty"`

	SecurityDomain string `json:"security_domain,omitempty"`
	// Primary and Secondary are the Concord servers that the agent asks, in order: NODE=https://host:port, or for a secondary
	// CLUSTER/NODE=https://host:port.
	Primary              []string `json:"primary,omitempty"`
	Secondary            []string `json:"secondary,omitempty"`
	BackchannelLogoutURL string   `json:"backchannel_logout_url,omitempty"` // is told when a sign-on ends that used the agent
	CacheLifetime        string   `json:"cache_lifetime,omitempty"`         // for which the agent may use a decision again, up to 20s
}

// AgentView is an agent as it is answered; Secret is always empty.
type AgentView struct {
	Agent
	ID         string   `json:"id"`
	Overridden []string `json:"overridden,omitempty"` // JSON pointers of what an override gives in this data center
}

// Page is how lists are answered. NextCursor is "" on the last page.
type Page[T any] struct {
	Items      []T    `json:"items"`
	NextCursor string `json:"next_cursor"`

	ETags []string `json:"etags,omitempty"` // of the items, in their order; only with etags=true, which lists of configuration kinds take
}

// SessionView is one runtime session in a list. It never holds the proof.
type SessionView struct {
	ID              string     `json:"id"`
	SSOID           string     `json:"sso_id"`
	User            string     `json:"user"`
	IdentityStore   string     `json:"identity_store"`
	Level           int        `json:"level"`
	LevelDomain     string     `json:"level_domain,omitempty"` // security domain of the scheme; elsewhere the level is worth 1 at most
	Scheme          string     `json:"scheme"`                 // authentication scheme of the sign-in; "" where only a cookie told of it
	Methods         []string   `json:"methods"`                // of its steps: password, basic, certificate
	ClientAddress   string     `json:"client_address,omitempty"`
	CreatedAt       time.Time  `json:"created_at"`
	AuthenticatedAt time.Time  `json:"authenticated_at"`
	ExpiresAt       time.Time  `json:"expires_at"`
	LastAccess      time.Time  `json:"last_access"`
	Origin          *OriginRef `json:"origin"` // null: signed in here
	Index           []string   `json:"index"`
	Members         []string   `json:"members"` // data centers known to hold a session of this sign-in
	Degraded        bool       `json:"degraded"`
	Rule            string     `json:"rule"`  // that made it: signed_in, adopted_found, adopted_cookie, adopted_alone
	Chain           []string   `json:"chain"` // data centers that the sign-in had been to by then, the last one last
}

// OriginRef is where a session was adopted from.
type OriginRef struct {
	ClusterID string `json:"cluster_id"`
	SessionID string `json:"session_id"`
}

// Receipt says which data centers have acknowledged the end of a sign-on (OAM-37).
type Receipt struct {
	SSOID       string            `json:"sso_id"`
	DataCenters map[string]string `json:"data_centers"` // cluster id -> acknowledged, queued
}

// Health is /v1/health and /v1/ready.
type Health struct {
	Status    string   `json:"status"` // ok, ready, not_ready
	Reasons   []string `json:"reasons,omitempty"`
	ClusterID string   `json:"cluster_id"`
	NodeName  string   `json:"node_name"`
	Version   string   `json:"version"`
}

// Divergence is one object that a write-enabled clone holds otherwise than its master, because it was changed there.
type Divergence struct {
	ID            string    `json:"id"` // kind/name
	Kind          string    `json:"kind"`
	Name          string    `json:"name"`
	Operation     string    `json:"operation"` // put or delete
	Actor         string    `json:"actor"`
	Time          time.Time `json:"time"`
	MasterChanged bool      `json:"master_changed"` // the master has changed its object since
}
