package identity_test

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/concord-access/terraform-provider-concord/server/identity"
)

// salted is the hash that LDAP directories write.
func salted(scheme string, sum []byte, salt string) string {
	return scheme + base64.StdEncoding.EncodeToString(append(sum, salt...))
}

// imported gives the hashes of "right-password" in every form that is taken over.
func imported(t *testing.T) map[string]string {
	t.Helper()
	b, err := bcrypt.GenerateFromPassword([]byte("right-password"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	const salt = "12345678"
	s1, s2, s5 := sha1.Sum([]byte("right-password"+salt)), sha256.Sum256([]byte("right-password"+salt)), sha512.Sum512([]byte("right-password"+salt))
	return map[string]string{
		"bcrypt": string(b), "bcrypt of PHP": strings.Replace(string(b), "$2a$", "$2y$", 1),
		"SSHA": salted("{SSHA}", s1[:], salt), "SSHA256": salted("{SSHA256}", s2[:], salt), "SSHA512": salted("{ssha512}", s5[:], salt),
	}
}

// Passwords are taken over from other systems, and hashed anew as soon as they are given.
func TestImportedHashes(t *testing.T) {
	h := newHasher(t)
	for name, hash := range imported(t) {
		if err := identity.CheckHash(hash); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for password, want := range map[string]bool{"right-password": true, "Right-password": false, "right-passwor": false, "": false} {
			if ok, err := h.Verify(t.Context(), hash, password); err != nil || ok != want {
				t.Errorf("%s with %q: %v %v", name, password, ok, err)
			}
		}
		if !identity.Stale(hash) {
			t.Errorf("%s is as good as a new one", name)
		}
	}
	now, err := h.Hash(t.Context(), "right-password")
	if err != nil || identity.Stale(now) {
		t.Errorf("a hash of today is stale: %v", err)
	}
	if !identity.Stale(foreign) {
		t.Error("other parameters are as good as today's")
	}
	long := strings.Repeat("x", 100) // what made bcrypt hashes cut the password there
	b, err := bcrypt.GenerateFromPassword([]byte(long[:72]), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := h.Verify(t.Context(), string(b), long); err != nil || !ok {
		t.Errorf("a long password: %v %v", ok, err)
	}
}

// SEC-33: an imported hash is hostile input, which decides how much a check costs.
func TestHashesThatAreNotTakenOver(t *testing.T) {
	sum := make([]byte, 20)
	for _, hash := range []string{
		"", "secret", "$1$salt$abc", "$2a$", "$2a$31$" + strings.Repeat("a", 53), "$2a$15$" + strings.Repeat("a", 53), "$2a$04$short", "{MD5}abc", "{SHA}" + base64.StdEncoding.EncodeToString(sum),
		"{SSHA}", salted("{SSHA}", sum, ""), salted("{SSHA}", sum, "abc"), "{SSHA}not base64", salted("{SSHA}", sum, strings.Repeat("s", 300)), salted("{SSHA}", sum, "12345678") + "\n",
		"$argon2id$v=19$m=99999999,t=2,p=1$YWFhYWFhYWE$YWFhYWFhYWFhYWFhYWFhYQ",
	} {
		if err := identity.CheckHash(hash); err == nil {
			t.Errorf("%q is accepted", hash)
		}
	}
}
