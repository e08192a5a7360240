package testkit

import (
	"encoding/base64"
	"math/rand/v2"
	"strings"
)

// Mutants makes sealed texts that nobody sealed out of some that somebody did: c1.<data center>.<base64url>. It knows their form
// and no key. Not safe for concurrent use.
type Mutants struct {
	Random *rand.Rand
	Texts  []string // good ones, of any purpose; at least one
}

// NewMutants repeats itself for the same seed and texts.
func NewMutants(seed uint64, texts ...string) *Mutants {
	return &Mutants{Random: rand.New(rand.NewPCG(seed, 0)), Texts: texts} //nolint:gosec // to be repeatable
}

const (
	keyAt   = 1  // where the key's id begins, behind Tink's first byte
	nonceAt = 5  // 24 bytes
	boxAt   = 29 // the sealed bytes, with 16 bytes of authentication at their end
	sum     = 16
)

// Next gives a text made of good, which it never equals, and how it was made. It is never empty.
func (m *Mutants) Next(good string) (text, how string) {
	for {
		if text, how = m.make(good); text != good && text != "" {
			return text, how
		}
	}
}

func (m *Mutants) make(good string) (text, how string) {
	ways := []struct {
		how string
		do  func(string) string
	}{
		{"a bit flipped", m.box(func(b, _ []byte) []byte { i := m.at(b); b[i] ^= 1 << m.Random.IntN(8); return b })},
		{"a byte replaced", m.box(func(b, _ []byte) []byte { b[m.at(b)] = byte(m.Random.IntN(256)); return b })},
		{"cut off", m.box(func(b, _ []byte) []byte { return b[:m.at(b)] })},
		{"the head cut off", m.box(func(b, _ []byte) []byte { return b[m.at(b):] })},
		{"longer", m.box(func(b, other []byte) []byte { return append(b, other[:1+m.at(other)]...) })},
		{"another's key id", m.box(func(b, other []byte) []byte { copy(b[keyAt:nonceAt], other[keyAt:nonceAt]); return b })},
		{"an invented key id", m.box(func(b, _ []byte) []byte {
			for i := keyAt; i < nonceAt; i++ {
				b[i] = byte(m.Random.IntN(256))
			}
			return b
		})},
		{"another's nonce", m.box(func(b, other []byte) []byte { copy(b[nonceAt:boxAt], other[nonceAt:boxAt]); return b })},
		{"another's authentication", m.box(func(b, other []byte) []byte { copy(b[len(b)-sum:], other[len(other)-sum:]); return b })},
		{"another's content", m.box(func(b, other []byte) []byte { return append(b[:boxAt:boxAt], other[boxAt:]...) })},
		{"another issuer", m.issuer},
		{"another text", func(string) string { return m.other() }},
		{"a character replaced", m.letter},
		{"a character more", func(s string) string { i := m.Random.IntN(len(s) + 1); return s[:i] + m.char() + s[i:] }},
		{"a character less", func(s string) string { i := m.Random.IntN(len(s)); return s[:i] + s[i+1:] }},
		{"the last bits", func(s string) string { return s[:len(s)-1] + m.char() }},
		{"padded", func(s string) string { return s + strings.Repeat("=", 1+m.Random.IntN(2)) }},
		{"half of each", func(s string) string { o := m.other(); return s[:len(s)/2] + o[len(o)/2:] }},
		{"twice", func(s string) string { return s + s }},
	}
	w := ways[m.Random.IntN(len(ways))]
	return w.do(good), w.how
}

func (m *Mutants) other() string { return m.Texts[m.Random.IntN(len(m.Texts))] }

func (m *Mutants) at(b []byte) int { return m.Random.IntN(len(b)) }

// char is one of those that may stand in a cookie, and some that look alike elsewhere.
func (m *Mutants) char() string {
	const all = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.+/=~%"
	i := m.Random.IntN(len(all))
	return all[i : i+1]
}

func (m *Mutants) letter(s string) string {
	i := m.Random.IntN(len(s))
	return s[:i] + m.char() + s[i+1:]
}

// issuer names another data center, or the same one in another spelling.
func (m *Mutants) issuer(s string) string {
	head, rest, _ := strings.Cut(s, ".")
	id, body, _ := strings.Cut(rest, ".")
	all := []string{strings.ToLower(id), strings.ToUpper(id), "NYDC", "LDC", "nydc", "XDC", "", id + "1"}
	return head + "." + all[m.Random.IntN(len(all))] + "." + body
}

// box changes the sealed bytes, with those of another text beside them.
func (m *Mutants) box(change func(b, other []byte) []byte) func(string) string {
	return func(s string) string {
		dot := strings.LastIndexByte(s, '.')
		o := m.other()
		b, err := base64.RawURLEncoding.DecodeString(s[dot+1:])
		other, err2 := base64.RawURLEncoding.DecodeString(o[strings.LastIndexByte(o, '.')+1:])
		if err != nil || err2 != nil || len(b) < boxAt+sum || len(other) < boxAt+sum {
			return m.letter(s)
		}
		return s[:dot+1] + base64.RawURLEncoding.EncodeToString(change(b, other))
	}
}
