package identity

import (
	"crypto/sha1" //nolint:gosec // what other systems left; such a hash lives until the next sign-in
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"hash"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

// Caps of an imported hash.
const (
	maxBcryptCost = 14  // a check costs a second at least
	maxBcrypt     = 72  // bytes of a password that bcrypt looks at; systems that made such hashes cut it there
	maxSaltSHA    = 128 // bytes of a salt
)

// stored is a password's hash that can be checked.
type stored interface {
	// fits says whether plain is the password, in time that does not depend on how much of it is right.
	fits(plain string) bool
}

// parseStored reads a hash of any form that Concord checks: its own, bcrypt ($2a$, $2b$, $2y$), and the salted SHA of LDAP
// directories ({SSHA}, {SSHA256}, {SSHA512}; RFC 2307 section 5.3 and its usual extensions).
func parseStored(s string) (stored, error) {
	switch {
	case strings.HasPrefix(s, "$2"):
		return parseBcrypt(s)
	case strings.HasPrefix(s, "{"):
		return parseSalted(s)
	}
	d, err := parse(s)
	return d, err
}

// CheckHash says whether s is a hash that Concord can check passwords against, for an import; the error is errHash.
func CheckHash(s string) error {
	_, err := parseStored(s)
	return err
}

// Stale says that a hash is weaker or dearer than those made today, or of another form, so that the next right password should
// be hashed anew.
func Stale(s string) bool {
	d, err := parse(s)
	return err != nil || d.parameters != today() || len(d.salt) < saltBytes || len(d.tag) < tagBytes
}

type bcrypted []byte

func parseBcrypt(s string) (stored, error) {
	cost, err := bcrypt.Cost([]byte(s))
	if err != nil || cost > maxBcryptCost || len(s) != 60 {
		return nil, errHash
	}
	return bcrypted(s), nil
}

func (b bcrypted) fits(plain string) bool {
	return bcrypt.CompareHashAndPassword(b, []byte(plain)[:min(len(plain), maxBcrypt)]) == nil
}

// salted is a digest of the password with the salt behind it.
type salted struct {
	digest    func() hash.Hash
	sum, salt []byte
	slow      digest // computed for its time: a digest alone would tell who was imported (SEC-31)
}

func parseSalted(s string) (stored, error) {
	scheme, text, _ := strings.Cut(s, "}")
	forms := map[string]func() hash.Hash{"{SSHA": sha1.New, "{SSHA256": sha256.New, "{SSHA512": sha512.New}
	form, ok := forms[strings.ToUpper(scheme)]
	if !ok || len(s) > maxPHC {
		return nil, errHash
	}
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	size := 0
	if err == nil {
		size = form().Size()
	}
	if err != nil || len(b) < size+4 || len(b) > size+maxSaltSHA || strings.ContainsAny(text, "\r\n") {
		return nil, errHash
	}
	return salted{form, b[:size], b[size:], fresh()}, nil
}

func (s salted) fits(plain string) bool {
	h := s.digest()
	_, _ = h.Write([]byte(plain)) // a hash never fails
	_, _ = h.Write(s.salt)
	s.slow.compute(plain)
	return subtle.ConstantTimeCompare(h.Sum(nil), s.sum) == 1
}
