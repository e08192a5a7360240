package wire

// IdentityStoreTest is POST /v1/identity-stores/{name}/test: the store as every data center finds it.
type IdentityStoreTest struct {
	ID          string                    `json:"id"`     // name of the store
	Result      string                    `json:"result"` // fail when a data center has no server that passes every check, or does not tell
	DataCenters []IdentityStoreDataCenter `json:"data_centers"`
}

// IdentityStoreDataCenter is how one data center finds the store.
type IdentityStoreDataCenter struct {
	ClusterID  string               `json:"cluster_id"`
	Result     string               `json:"result"`
	Reason     string               `json:"reason,omitempty"`     // why nothing was checked
	Overridden []string             `json:"overridden,omitempty"` // JSON pointers of what the data center lays over the store
	Checks     []IdentityStoreCheck `json:"checks"`
}

// IdentityStoreCheck is one step of the probe of one server.
type IdentityStoreCheck struct {
	Server string `json:"server"` // URL
	Name   string `json:"name"`   // reachable, tls, bind, user_base, group_base
	Result string `json:"result"` // pass or fail
	Detail string `json:"detail"`
}

// PeerIdentityStores is GET /peer/v1/identity-stores.
type PeerIdentityStores struct {
	Stores []PeerIdentityStore `json:"stores"`
}

// PeerIdentityStore is one identity store as the data center that answers finds it.
type PeerIdentityStore struct {
	Name       string               `json:"name"`
	People     string               `json:"people"` // what decides who is found
	Plaintext  bool                 `json:"plaintext,omitempty"`
	Overridden []string             `json:"overridden,omitempty"`
	Checks     []IdentityStoreCheck `json:"checks"`
}
