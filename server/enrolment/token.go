package enrolment

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// Purposes of tokens, as package wire spells them.
const (
	DataCenter    = "data_center"
	Node          = "node"
	Agent         = "agent"
	Administrator = "administrator"
)

// Life of a token.
const (
	DefaultLife = 15 * time.Minute
	MinLife     = time.Minute
	MaxLife     = 24 * time.Hour
)

const (
	prefix      = "e/t/"
	maxFailures = 5                  // wrong secrets until a token is locked
	maxOpen     = 1000               // tokens that are kept, spent ones too
	remembered  = 7 * 24 * time.Hour // how long a token's record outlives it
)

// States of a token.
const (
	Open    = "open"
	Used    = "used"
	Expired = "expired"
	Revoked = "revoked"
	Locked  = "locked" // too many wrong secrets
)

// Token is what is kept of one.
type Token struct {
	ID        string    `json:"id"`
	Purpose   string    `json:"purpose"`
	Name      string    `json:"name,omitempty"` // of the node, agent or administrator; of a data center its cluster id, "" = any
	Hash      []byte    `json:"hash"`           // SHA-256 of the secret, which has 256 random bits
	CreatedAt time.Time `json:"created_at"`
	CreatedBy string    `json:"created_by"`
	ExpiresAt time.Time `json:"expires_at"`
	UsedAt    time.Time `json:"used_at,omitzero"`
	UsedFrom  string    `json:"used_from,omitempty"`
	RevokedAt time.Time `json:"revoked_at,omitzero"`
	Failures  int       `json:"failures,omitempty"`
}

// State is where the token stands at now.
func (t Token) State(now time.Time) string {
	switch {
	case !t.UsedAt.IsZero():
		return Used
	case !t.RevokedAt.IsZero():
		return Revoked
	case t.Failures >= maxFailures:
		return Locked
	case !now.Before(t.ExpiresAt):
		return Expired
	}
	return Open
}

// hashOf is what is kept of a secret. A slow hash would add nothing: nobody guesses 256 bits.
func hashOf(secret []byte) []byte {
	sum := sha256.Sum256(secret)
	return sum[:]
}

// Key is the key of proofs between two data centers that share a token's secret; whoever has the secret makes it from its hash, which
// is all that the issuing data center keeps.
func Key(secret []byte) []byte { return hashOf(secret) }

// Order is what an administrator asks for.
type Order struct {
	Purpose string
	Name    string
	Life    time.Duration // 0 = DefaultLife
}

func (o *Order) check() error {
	var fields []fault.Field
	want := func(ok bool, pointer, detail string) {
		if !ok {
			fields = append(fields, fault.Field{Pointer: pointer, Detail: detail})
		}
	}
	switch o.Purpose {
	case DataCenter:
		want(o.Name == "" || mdc.ValidClusterID(o.Name), "/cluster_id", "is no cluster id: 1 to 63 letters and digits, starting with a letter")
	case Node:
		want(mdc.ValidClusterID(o.Name), "/name", "has to be the node's name: 1 to 63 letters and digits, starting with a letter")
	case Agent:
		want(mdc.ValidAgentName(o.Name), "/name", "has to be the agent's name: 1 to 64 letters, digits and -")
	case Administrator:
		want(mdc.ValidName(o.Name), "/name", "has to be the administrator's name")
	default:
		want(false, "/purpose", "has to be data_center, node, agent or administrator")
	}
	if o.Life == 0 {
		o.Life = DefaultLife
	}
	want(o.Life >= MinLife && o.Life <= MaxLife, "/ttl", "has to be between 1m and 24h")
	return fault.InvalidFields("The join token cannot be made.", fields)
}

func get(r store.Reader, id string) (t Token, found bool, err error) {
	raw, err := r.Get([]byte(prefix + id))
	if errors.Is(err, store.ErrNotFound) {
		return t, false, nil
	}
	if err != nil {
		return t, false, fmt.Errorf("read join token: %w", err)
	}
	if err := json.Unmarshal(raw, &t); err != nil {
		return t, false, fmt.Errorf("decode join token: %w", err)
	}
	return t, true, nil
}

func put(w store.Writer, t Token, now time.Time) error {
	raw, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("encode join token: %w", err)
	}
	return w.Put([]byte(prefix+t.ID), raw, max(t.ExpiresAt.Sub(now), 0)+remembered)
}
