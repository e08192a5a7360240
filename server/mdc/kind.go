package mdc

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/concord-access/terraform-provider-concord/internal/failpoint"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// Scope says whether objects of a kind travel from the master to its clones.
type Scope uint8

// Scopes (OAM-45, MSS-04).
const (
	Replicated Scope = iota // written on the master only, the same in every data center
	Local                   // belongs to this data center, writable on a clone too
)

// Object is one configuration object of some kind. Its JSON form with sorted map keys, after Normalize, is the
// canonical form that is stored, journalled, hashed into ETags and digests.
type Object interface {
	// ObjectName is the name under which the object is kept; for a singleton it is SingletonName.
	ObjectName() string
	// Normalize puts sets in order and spells values in their one canonical way. Idempotent.
	Normalize()
	// Validate gives every fault of the object by itself; it may look at nothing else.
	Validate() []fault.Field
	// References names the objects that must exist for this one to make sense.
	References() []Reference
}

// Reference is a use of another object.
type Reference struct {
	Kind    string // the other object's kind
	Name    string // its name
	Pointer string // where in this object it is named, RFC 6901
}

// SingletonName is the name of the one object of a singleton kind.
const SingletonName = "default"

// Kind describes a kind of configuration object.
type Kind struct {
	Name       string        // snake_case, singular: in the journal and in errors
	Collection string        // path under /v1 on the admin listener; "" = no generic routes
	Scope      Scope         //
	Singleton  bool          // one object, named SingletonName, that always exists (with its defaults)
	FoldCase   bool          // names compare without case
	Secret     bool          // the body is wrapped at rest, sealed in transport, and never listed
	RefersTo   []string      // kinds that References may name
	New        func() Object // an object with its defaults

	LongSecrets bool // its write-only values are long and random: kept as SHA-256, which costs a request nothing, instead of argon2id

	Overridable bool // a data center may lay values of its own over an object
}

// Key is the spelling of name under which an object of this kind is kept.
func (k Kind) Key(name string) string {
	if k.FoldCase {
		return FoldName(name)
	}
	return name
}

// Decode reads a stored body.
func (k Kind) Decode(body []byte) (Object, error) {
	o := k.New()
	if err := json.Unmarshal(body, o); err != nil {
		return nil, fmt.Errorf("decode %s: %w", k.Name, err)
	}
	return o, nil
}

// Encode gives the canonical form of o, after normalizing it.
func Encode(o Object) ([]byte, error) {
	o.Normalize()
	b, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("encode object: %w", err)
	}
	return b, nil
}

// As gives an object its own type: As[*User](o). The error names both types; it means that kinds were mixed up.
func As[P Object](o Object) (P, error) {
	p, ok := o.(P)
	if !ok {
		return p, fmt.Errorf("object is a %T, not a %T", o, p)
	}
	return p, nil
}

// Kinds lists every kind, in an order in which each comes after those it refers to.
func Kinds() []Kind { return slices.Clone(kinds()) }

// kinds makes the list once: it is looked into for every reference of every change.
var kinds = sync.OnceValue(func() []Kind {
	all := []Kind{
		DataCenterKind(), PartnerProfileKind(), PartnerKind(), TrustedCertificateKind(), AgreementKind(),
		DataCenterKeyKind(), PromotionKind(), KeysetKind(), IdentityStoreCredentialKind(), SessionPolicyKind(),
		PasswordPolicyKind(), SecurityDomainKind(), GroupKind(), UserKind(), IdentityStoreKind(), AuthenticationSchemeKind(), AuthorizationPolicyKind(), ApplicationKind(), AgentKind(),
		AdminRoleKind(), AdminTokenKind(),
		SettingKind(), OverrideKind(), PackageKind(),
	}
	return slices.DeleteFunc(all, func(k Kind) bool { return failpoint.Without(failpoint.NoKind(k.Name)) })
})

// KindByName finds a kind by its name.
func KindByName(name string) (Kind, bool) {
	for _, k := range kinds() {
		if k.Name == name {
			return k, true
		}
	}
	return Kind{}, false
}

// Position is a place in a master's journal: what an object state is (epoch, sequence), and its digest.
type Position struct {
	Epoch    Epoch  `json:"epoch"`
	Sequence uint64 `json:"sequence"` // of the last change; 0 = nothing was ever changed
	Digest   string `json:"digest"`   // hex SHA-256 of the set digest over all replicated objects
}

// Epoch counts masterships; compared by Number, then by ClusterID.
type Epoch struct {
	Number    uint64 `json:"number"`
	ClusterID string `json:"cluster_id"`
}

// Less says whether e is older than o.
func (e Epoch) Less(o Epoch) bool {
	if e.Number != o.Number {
		return e.Number < o.Number
	}
	return FoldName(e.ClusterID) < FoldName(o.ClusterID)
}

// String gives "number/cluster".
func (e Epoch) String() string { return fmt.Sprintf("%d/%s", e.Number, e.ClusterID) }
