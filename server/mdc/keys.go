package mdc

import "github.com/concord-access/terraform-provider-concord/internal/fault"

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
