package wire

// OraclePrefix is where the routes lie that Oracle's scripts for replication agreements call.
const OraclePrefix = "/oam/services/rest/_replication"

// OracleSetup is POST …/setup, with Oracle's field names (OAM-50).
type OracleSetup struct {
	Name         string        `json:"name,omitempty"` // absent: SOURCE2TARGET
	Source       string        `json:"source"`
	Target       string        `json:"target"`
	DocumentType string        `json:"documentType,omitempty"`
	Config       *OracleConfig `json:"config,omitempty"`
}

// OracleConfig carries the credentials with which Oracle's clone polls. They are not used and not kept: here the data
// centers know each other by their certificates.
type OracleConfig struct {
	Entry any `json:"entry,omitempty"`
}

// OracleChange is PUT …/{id} (OAM-52). What is absent stays.
type OracleChange struct {
	Enabled      string        `json:"enabled,omitempty"`      // "true" or "false"
	PollInterval string        `json:"pollInterval,omitempty"` // seconds
	ReplicaType  string        `json:"replicaType,omitempty"`  // SUPPLIER (default) or clone, also CONSUMER
	Config       *OracleConfig `json:"config,omitempty"`
}

// OracleAgreement is how one side of an agreement is answered: every value a string.
type OracleAgreement struct {
	Enabled                string `json:"enabled"`
	Identifier             string `json:"identifier"`
	LastSequenceNumber     string `json:"lastSequenceNumber"`
	OK                     string `json:"ok"`
	PollInterval           string `json:"pollInterval"` // seconds
	StartingSequenceNumber string `json:"startingSequenceNumber"`
	State                  string `json:"state"` // ACTIVE (master), READY (clone), BOOTSTRAPPING; also STALE, STOPPED
}

// OracleList is GET …/agreements. Identifiers is a string when there is one agreement and a list otherwise, as Oracle gives it.
type OracleList struct {
	FeatureEnabled string `json:"featureEnabled"`
	Identifiers    any    `json:"identifiers"`
	OK             string `json:"ok"`
}

// OracleOK is GET …/hello and DELETE …/{id}.
type OracleOK struct {
	OK string `json:"ok"`
}
