package mdc

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// Promotion says that a data center became the master: it begins an epoch. It is the first record of that epoch's journal
// and stays a replicated object, so that every copy holds the whole chain of epochs it came from.
type Promotion struct {
	Epoch     Epoch     `json:"epoch"` // its ClusterID is the promoter
	Base      Position  `json:"base"`  // where the promoter stood, in the epoch before
	Time      time.Time `json:"time"`
	Forced    bool      `json:"forced"`              // the former master had not agreed
	Signature []byte    `json:"signature,omitempty"` // Ed25519 of the promoter's mastership key over Signed
}

// PromotionKind describes promotions.
func PromotionKind() Kind {
	return Kind{Name: "promotion", Scope: Replicated, New: func() Object { return &Promotion{} }}
}

// ObjectName is the epoch's number, so that names sort in the order of time, and its holder.
func (p *Promotion) ObjectName() string {
	return fmt.Sprintf("%012d-%s", p.Epoch.Number, p.Epoch.ClusterID)
}

// Normalize puts the time into the one spelling that survives JSON.
func (p *Promotion) Normalize() { p.Time = p.Time.UTC().Round(0) }

// Validate checks the shape: an epoch follows the one of its base.
func (p *Promotion) Validate() []fault.Field {
	var c checks
	c.want(ValidClusterID(p.Epoch.ClusterID), "/epoch/cluster_id", "is no cluster id")
	c.want(ValidClusterID(p.Base.Epoch.ClusterID), "/base/epoch/cluster_id", "is no cluster id")
	c.want(p.Epoch.Number > p.Base.Epoch.Number && p.Epoch.Number < 1e12, "/epoch/number", "does not follow the epoch of its base")
	c.want(len(p.Base.Digest) == 64, "/base/digest", "is no digest")
	c.want(len(p.Signature) == 64, "/signature", "is not 64 bytes")
	return c.fields
}

// References gives none.
func (p *Promotion) References() []Reference { return nil }

// Signed is what the signature covers: everything but itself, behind a word that keeps it from being taken for anything else.
func (p *Promotion) Signed() ([]byte, error) {
	bare := *p
	bare.Signature = nil
	bare.Normalize()
	b, err := json.Marshal(bare)
	if err != nil {
		return nil, fmt.Errorf("encode promotion: %w", err)
	}
	return append([]byte("concord-promotion-1\x00"), b...), nil
}
