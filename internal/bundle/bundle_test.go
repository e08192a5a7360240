package bundle_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/bundle"
)

// TestRead: what every reader of a bundle refuses, whoever told it (SEC-41, SEC-42).
func TestRead(t *testing.T) {
	t.Parallel()
	root, leaf := certificate(t, true), certificate(t, false)
	key := func(use string, der ...[]byte) string {
		var all []string
		for _, d := range der {
			all = append(all, `"`+base64.StdEncoding.EncodeToString(d)+`"`)
		}
		return `{"use":"` + use + `","x5c":[` + strings.Join(all, ",") + `]}`
	}
	document := func(keys ...string) string { return `{"spiffe_sequence":7,"keys":[` + strings.Join(keys, ",") + `]}` }
	many := strings.Split(strings.Repeat(key("x509-svid", root)+"\n", bundle.MaxRoots+1), "\n")[:bundle.MaxRoots+1]
	for name, c := range map[string]struct {
		text  string
		roots int
		why   string // part of the refusal
	}{
		"one root":                  {document(key("x509-svid", root)), 1, ""},
		"keys for other uses":       {document(key("jwt-svid"), key("x509-svid", root)), 1, ""},
		"as many as may be":         {document(many[1:]...), bundle.MaxRoots, ""},
		"one more":                  {document(many...), 0, "more than 8 roots"},
		"two certificates in a key": {document(key("x509-svid", root, root)), 0, "not exactly one"},
		"none in a key":             {document(key("x509-svid")), 0, "not exactly one"},
		"a leaf":                    {document(key("x509-svid", leaf)), 0, "no authority's"},
		"no certificate":            {document(key("x509-svid", []byte("?"))), 0, "cannot be read"},
		"no base64":                 {`{"keys":[{"use":"x509-svid","x5c":["?"]}]}`, 0, "no JSON Web Key Set"},
		"no JSON":                   {"{", 0, "no JSON Web Key Set"},
		"no root":                   {document(key("jwt-svid")), 0, "holds no root"},
		"empty":                     {document(), 0, "holds no root"},
		"too long":                  {document(key("x509-svid", root)) + strings.Repeat(" ", bundle.MaxSize), 0, "longer than"},
	} {
		b, err := bundle.Read([]byte(c.text))
		switch {
		case c.why == "" && (err != nil || len(b.Roots) != c.roots || b.Sequence != 7):
			t.Errorf("%s: %+v, %v", name, b, err)
		case c.why != "" && (err == nil || !strings.Contains(err.Error(), c.why) || len(b.Roots) != 0):
			t.Errorf("%s: %d roots, %v", name, len(b.Roots), err)
		}
	}
}

func certificate(t *testing.T, authority bool) []byte {
	t.Helper()
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true, IsCA: authority}
	der, err := x509.CreateCertificate(rand.Reader, form, form, public, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}
