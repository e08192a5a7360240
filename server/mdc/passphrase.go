package mdc

import (
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds of a passphrase.
const (
	MinPassphrase = 20   // characters
	MaxPassphrase = 1024 // bytes
)

// PassphraseOverlap is how long the former passphrase still proves after a change, so that the two sides need not change at
// the same moment.
const PassphraseOverlap = 15 * time.Minute

// Passphrase is a write-only value that must be read again, because keys are derived from it together with the ids of the two
// data centers. It comes in as plain text once and is kept only wrapped by the node's key, together with the one before.
//
// As JSON it reads a string (the plain text, from a request) or an object (from the store), and writes only the object. It
// prints and logs as "[redacted]" (SEC-68).
type Passphrase struct {
	plain   string
	Wrapped []byte    // nil: none is set
	Former  []byte    // the one before, wrapped likewise; nil: none
	Changed time.Time // when Wrapped took the place of Former, UTC; zero: there was none before
}

// NewPassphrase holds plain text that is still to be wrapped.
func NewPassphrase(plain string) Passphrase { return Passphrase{plain: plain} }

// Plain gives the plain text and whether there is one.
func (p Passphrase) Plain() (string, bool) { return p.plain, p.plain != "" }

// IsZero says that none is set.
func (p Passphrase) IsZero() bool { return p.plain == "" && len(p.Wrapped) == 0 }

// FormerAt gives the former passphrase, wrapped, while it still proves; nil after that.
func (p Passphrase) FormerAt(now time.Time) []byte {
	if now.Before(p.Changed.Add(PassphraseOverlap)) {
		return p.Former
	}
	return nil
}

type wrapped struct {
	Wrapped []byte    `json:"wrapped"`
	Former  []byte    `json:"former,omitempty"`
	Changed time.Time `json:"changed,omitzero"`
}

// MarshalJSON writes what is kept, never the plain text.
func (p Passphrase) MarshalJSON() ([]byte, error) {
	return json.Marshal(wrapped{p.Wrapped, p.Former, p.Changed})
}

// UnmarshalJSON reads plain text or what was kept.
func (p *Passphrase) UnmarshalJSON(b []byte) error {
	*p = Passphrase{}
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, &p.plain)
	}
	var w wrapped
	if err := json.Unmarshal(b, &w); err != nil {
		return errors.New("a passphrase is a string")
	}
	p.Wrapped, p.Former, p.Changed = w.Wrapped, w.Former, w.Changed
	return nil
}

// String hides the value.
func (Passphrase) String() string { return "[redacted]" }

// GoString hides the value from %#v.
func (Passphrase) GoString() string { return "[redacted]" }

// LogValue hides the value from logs.
func (Passphrase) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// PassphraseHolder is an object with a passphrase. Configuration wraps it when it comes in, and keeps the old one where the new
// object brings none.
type PassphraseHolder interface {
	Object
	// Shared gives the passphrase and the version that stands beside it.
	Shared() (*Passphrase, int64)
}

// PassphraseContext binds a wrapped passphrase to the one object that has it: in another place it does not open.
func PassphraseContext(kind Kind, name string) []byte {
	return []byte("concord passphrase 1/" + kind.Name + "/" + kind.Key(name))
}

// passphrase checks one that comes in. The faults never repeat it.
func (c *checks) passphrase(pointer string, p Passphrase) {
	plain, ok := p.Plain()
	if !ok {
		return
	}
	c.want(utf8.RuneCountInString(plain) >= MinPassphrase, pointer, "is shorter than %d characters; concord trust passphrase makes one", MinPassphrase)
	c.want(len(plain) <= MaxPassphrase, pointer, "is longer than %d bytes", MaxPassphrase)
	c.want(utf8.ValidString(plain) && !strings.ContainsFunc(plain, func(r rune) bool { return r < ' ' || r == 0x7f }), pointer, "holds control characters or is not UTF-8")
	c.want(strings.TrimSpace(plain) == plain, pointer, "begins or ends with white space, which is easily lost on the way to the other data center")
}
