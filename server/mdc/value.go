package mdc

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// Duration is a span of time, in JSON a string with units: "30m", "1.5s" (X2).
type Duration time.Duration

// D gives the time.Duration.
func (d Duration) D() time.Duration { return time.Duration(d) }

// String gives the shortest spelling that Go's ParseDuration reads: "30m", not "30m0s".
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// MarshalJSON writes the string form.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// UnmarshalJSON reads a string with units; a bare number is refused because its unit would be a guess.
func (d *Duration) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return errors.New(`a duration is a string with a unit, such as "30m"`)
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		return fmt.Errorf("%q is no duration; write a number with a unit, such as \"30m\"", clip(s))
	}
	*d = Duration(v)
	return nil
}

// Secret is a write-only value: it comes in as plain text once and is kept only as a hash.
//
// As JSON it reads a string (the plain text, from a request) or {"hash": …} (from the store), and writes only {"hash": …}.
// httpapi decodes requests through wire structs in which a secret can only be a string, so a caller cannot plant a hash.
// It prints and logs as "[redacted]" (SEC-68).
type Secret struct {
	plain string
	Hash  string // as identity writes or reads it, or a LongHash, or "" when none is set
	same  bool   // only the way of hashing changed
}

// NewSecret holds plain text that is still to be hashed.
func NewSecret(plain string) Secret { return Secret{plain: plain} }

// Rehashed holds another hash of the plain text that an object has already.
func Rehashed(hash string) Secret { return Secret{Hash: hash, same: true} }

// Same says that the plain text stayed, though the hash is another.
func (s Secret) Same() bool { return s.same }

// Plain gives the plain text and whether there is one.
func (s Secret) Plain() (string, bool) { return s.plain, s.plain != "" }

// IsZero says that neither plain text nor hash is there.
func (s Secret) IsZero() bool { return s.plain == "" && s.Hash == "" }

// LongHash is what is kept of a long random secret: "sha256:" and the hex digest. A slow hash would add nothing to 256 random bits.
func LongHash(plain string) string {
	sum := sha256.Sum256([]byte(plain))
	return "sha256:" + hex.EncodeToString(sum[:])
}

type hashed struct {
	Hash string `json:"hash"`
}

// MarshalJSON writes the hash only.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(hashed{s.Hash}) }

// UnmarshalJSON reads plain text or a stored hash.
func (s *Secret) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		*s = Secret{}
		return json.Unmarshal(b, &s.plain)
	}
	var h hashed
	if err := json.Unmarshal(b, &h); err != nil {
		return errors.New("a secret is a string")
	}
	*s = Secret{Hash: h.Hash}
	return nil
}

// String hides the value.
func (Secret) String() string { return "[redacted]" }

// GoString hides the value from %#v.
func (Secret) GoString() string { return "[redacted]" }

// LogValue hides the value from logs.
func (Secret) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// SecretHolder is an object with write-only values; configuration hashes each that has plain text, and keeps the old
// hash where the new object brings none.
type SecretHolder interface {
	Secrets() map[string]*Secret // by JSON pointer
}
