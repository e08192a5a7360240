package app

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// bootstrapToken is the administrator that a first start makes: every permission, whatever the roles say. The file is
// the only copy; the process keeps a hash.
type bootstrapToken struct{ sum [sha256.Size]byte }

// openBootstrapToken reads the token, or makes one where there is none.
func openBootstrapToken(path string) (t *bootstrapToken, made bool, err error) {
	b, err := readSecretFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		var raw [32]byte
		if _, err := rand.Read(raw[:]); err != nil {
			return nil, false, fmt.Errorf("make bootstrap token: %w", err)
		}
		b = []byte("concord." + base64.RawURLEncoding.EncodeToString(raw[:]) + "\n")
		err, made = writeSecretFile(path, b), true
	}
	if err != nil {
		return nil, false, fmt.Errorf("open bootstrap token: %w", err)
	}
	token := strings.TrimSpace(string(b))
	if len(token) < 32 {
		return nil, false, fmt.Errorf("open bootstrap token: %s holds less than 32 characters; remove the file to have a new one made", path)
	}
	return &bootstrapToken{sha256.Sum256([]byte(token))}, made, nil
}

// is compares hashes in constant time (SEC-35).
func (t *bootstrapToken) is(token string) bool {
	sum := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(sum[:], t.sum[:]) == 1
}
