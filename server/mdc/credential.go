package mdc

import (
	"encoding/json"
	"errors"
	"log/slog"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// Credential is a write-only value that every data center must be able to read again, such as the password with which a
// directory is searched. The object that has it keeps only a mark of it: its value is another object, of a kind that is
// secret as a whole, and so wrapped at rest and sealed for each data center in transport.
//
// As JSON it reads a string (the plain text, from a request) or an object (from the store), and writes only the object. It
// prints and logs as "[redacted]" (SEC-68).
type Credential struct {
	plain string
	Mark  string // random, another one for each value; "" = none is set
}

// CredentialField is the field of every object that has a credential.
const CredentialField = "bind_password"

// NewCredential holds plain text that is still to be put away.
func NewCredential(plain string) Credential { return Credential{plain: plain} }

// Plain gives the plain text and whether there is one.
func (c Credential) Plain() (string, bool) { return c.plain, c.plain != "" }

// IsZero says that none is set.
func (c Credential) IsZero() bool { return c.plain == "" && c.Mark == "" }

type marked struct {
	Mark string `json:"mark"`
}

// MarshalJSON writes the mark only.
func (c Credential) MarshalJSON() ([]byte, error) { return json.Marshal(marked{c.Mark}) }

// UnmarshalJSON reads plain text or a stored mark.
func (c *Credential) UnmarshalJSON(b []byte) error {
	*c = Credential{}
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, &c.plain)
	}
	var m marked
	if err := json.Unmarshal(b, &m); err != nil {
		return errors.New("a password is a string")
	}
	c.Mark = m.Mark
	return nil
}

// String hides the value.
func (Credential) String() string { return "[redacted]" }

// GoString hides the value from %#v.
func (Credential) GoString() string { return "[redacted]" }

// LogValue hides the value from logs.
func (Credential) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// CredentialHolder is an object with a credential. Configuration writes and deletes its value together with the object, and
// keeps the value where the new object brings none.
type CredentialHolder interface {
	Object
	// Kept gives the credential, and the kind of the object that holds its value, under the holder's own name.
	Kept() (*Credential, Kind)
	// SentElsewhere says whether the value would be sent to somebody to whom the object as it was does not send it: another server, or
	// one that is believed, or talked with, for less. was is an object of the same kind.
	SentElsewhere(was Object) bool
}

// Proof is a value that somebody who writes shows to have, in place of one that is kept. It is read from a request and written nowhere;
// it prints as "[redacted]" (SEC-68).
type Proof struct{ plain string }

// NewProof holds what is shown.
func NewProof(plain string) Proof { return Proof{plain} }

// Plain gives the text and whether there is one.
func (p Proof) Plain() (string, bool) { return p.plain, p.plain != "" }

// IsZero keeps it out of every JSON with omitzero.
func (Proof) IsZero() bool { return true }

// UnmarshalJSON reads the text.
func (p *Proof) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, &p.plain) }

// MarshalJSON never gives it.
func (Proof) MarshalJSON() ([]byte, error) { return []byte(`""`), nil }

// String hides the value.
func (Proof) String() string { return "[redacted]" }

// GoString hides the value from %#v.
func (Proof) GoString() string { return "[redacted]" }

// LogValue hides the value from logs.
func (Proof) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// StoreCredential is the value of an identity store's bind password.
type StoreCredential struct {
	Store    string `json:"store"`
	Password string `json:"password"` // in clear: the kind is Secret, so it is wrapped wherever it is kept or sent
	// Salt is random, so that the digest over all objects, which partners see, does not give a password away that can be guessed.
	Salt []byte `json:"salt"`
}

// IdentityStoreCredentialKind describes the bind passwords of identity stores.
func IdentityStoreCredentialKind() Kind {
	return Kind{Name: "identity_store_credential", Scope: Replicated, Secret: true, New: func() Object { return &StoreCredential{} }}
}

// ObjectName is the store's name.
func (s *StoreCredential) ObjectName() string { return s.Store }

// Normalize has nothing to do.
func (s *StoreCredential) Normalize() {}

// Validate checks the shape.
func (s *StoreCredential) Validate() []fault.Field {
	var c checks
	c.name("/store", s.Store)
	c.want(s.Password != "" && len(s.Password) <= 1024, "/password", "is empty or longer than 1,024 bytes")
	c.want(len(s.Salt) == 16, "/salt", "is not 16 bytes")
	return c.fields
}

// References gives none.
func (s *StoreCredential) References() []Reference { return nil }

// String hides the password.
func (StoreCredential) String() string { return "[redacted]" }

// GoString hides the password from %#v.
func (StoreCredential) GoString() string { return "[redacted]" }
