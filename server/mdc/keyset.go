package mdc

import (
	"slices"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// Purposes of cookie keysets; a token sealed for one purpose opens under no other (SEC-08).
const (
	PurposeSignIn = "sign-in"
	PurposeAgent  = "agent"
	PurposeFlow   = "flow"
	PurposeCode   = "code"
	PurposeCursor = "cursor"
	PurposeGito   = "inactivity" // the inactivity cookie on the common domain
	PurposeDevice = "device"     // the cookie of a browser that signed in before
)

// Purposes lists every purpose that has a keyset.
func Purposes() []string {
	return []string{PurposeSignIn, PurposeAgent, PurposeFlow, PurposeCode, PurposeCursor, PurposeGito, PurposeDevice}
}

// DeviceLife is how long a browser is remembered after its last sign-in; no other sealed text is good for longer than a sign-on.
const DeviceLife = 180 * 24 * time.Hour

// States of a cookie key, in the order of its life.
const (
	KeyPending = "pending" // opens, and seals as soon as every data center has it
	KeyActive  = "active"  // the one that seals
	KeyRetired = "retired" // opens what it sealed, until all of that has expired
	KeyRevoked = "revoked" // opens nothing any more, wherever it is heard of; only its id is kept
)

// CookieKey is what is known of one key beside the key itself.
type CookieKey struct {
	ID          uint32     `json:"id"` // Tink's, at the start of each text that it sealed
	State       string     `json:"state"`
	CreatedAt   time.Time  `json:"created_at"`
	Sequence    uint64     `json:"sequence,omitempty"` // of the journal record that distributes it; who has that, has the key
	ActivatedAt *time.Time `json:"activated_at,omitempty"`
	EndedAt     *time.Time `json:"ended_at,omitempty"` // when it was retired or revoked
	Longest     Duration   `json:"longest,omitempty"`  // the longest lifetime of sign-ons while it sealed
}

// MaxCookieKeys bounds the keys of one purpose that open, and as many that are revoked.
const MaxCookieKeys = 160

// Keyset is a Tink AEAD keyset for one purpose, made by the master for the whole topology.
type Keyset struct {
	Purpose string `json:"purpose"`
	Keyset  []byte `json:"keyset"` // Tink's JSON serialization, in clear: the kind is Secret, so it is wrapped wherever it is kept or sent
	// Keys tells the life of each, the oldest first. Empty in what an older version wrote.
	Keys []CookieKey `json:"keys,omitempty"`
}

// KeysetKind describes keysets.
func KeysetKind() Kind {
	return Kind{Name: "keyset", Scope: Replicated, Secret: true, New: func() Object { return &Keyset{} }}
}

// ObjectName is the purpose.
func (k *Keyset) ObjectName() string { return k.Purpose }

// Normalize has nothing to do.
func (k *Keyset) Normalize() {}

// Validate checks the purpose and the sizes.
func (k *Keyset) Validate() []fault.Field {
	var c checks
	c.oneOf("/purpose", k.Purpose, Purposes()...)
	c.want(len(k.Keyset) > 0 && len(k.Keyset) <= 64<<10, "/keyset", "is empty or longer than 64 KiB")
	c.want(len(k.Keys) <= 2*MaxCookieKeys, "/keys", "has more than %d keys", 2*MaxCookieKeys)
	return c.fields
}

// References gives none.
func (k *Keyset) References() []Reference { return nil }

// String hides the keys.
func (Keyset) String() string { return "[redacted]" }

// Revoked says whether a key must not be believed from anybody.
func (k *Keyset) Revoked(id uint32) bool {
	return slices.ContainsFunc(k.Keys, func(key CookieKey) bool { return key.ID == id && key.State == KeyRevoked })
}
