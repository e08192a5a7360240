package mdc_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// CAMS-01, OAM-05, SEC-14: which names may be given. True is: accepted as object name, agent name, cluster id.
func TestNames(t *testing.T) {
	for name, want := range map[string][3]bool{
		"NYDC": {true, true, true}, "a": {true, true, true}, "9a": {true, true, false}, "a-b": {true, true, false}, "-a": {false, true, false},
		"ann@example.com": {true, false, false}, "a_b+c.d": {true, false, false}, ".a": {false, false, false}, "": {}, " a": {}, "a b": {}, "a/b": {},
		"a\n": {}, "ä": {}, "\u212adc": {}, "a\x00": {},
		strings.Repeat("a", 63): {true, true, true}, strings.Repeat("a", 64): {true, true, false}, strings.Repeat("a", 65): {true, false, false},
		strings.Repeat("a", 128): {true, false, false}, strings.Repeat("a", 129): {},
	} {
		if got := [3]bool{mdc.ValidName(name), mdc.ValidAgentName(name), mdc.ValidClusterID(name)}; got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
}

// SameName agrees with FoldName, and is not taken in by letters that only look like ASCII's.
func TestSameName(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"NYDC", "nydc", true}, {"", "", true}, {"NYDC", "NYD", false}, {"NYDC", "LDC", false}, {"k", "\u212a", false}, {"s", "\u017f", false},
	} {
		if got := mdc.SameName(c.a, c.b); got != c.same || mdc.SameName(c.b, c.a) != c.same {
			t.Errorf("%q and %q: %v", c.a, c.b, got)
		}
		if c.same && mdc.FoldName(c.a) != mdc.FoldName(c.b) {
			t.Errorf("%q and %q are kept under two keys", c.a, c.b)
		}
	}
}

// X2: durations are strings with units, in their one shortest spelling.
func TestDurations(t *testing.T) {
	for in, want := range map[string]string{
		`"30m"`: "30m", `"1800s"`: "30m", `"1h0m0s"`: "1h", `"90m"`: "1h30m", `"1.5s"`: "1.5s", `"0"`: "0s", `"0s"`: "0s", `"-1m"`: "-1m", `"10m10s"`: "10m10s",
		`30`: "", `"30"`: "", `""`: "", `"1d"`: "", `"9999999h"`: "", `{}`: "", `"30 m"`: "", `"` + strings.Repeat("9", 1000) + `m"`: "",
	} {
		var d mdc.Duration
		err := json.Unmarshal([]byte(in), &d)
		if (err == nil) != (want != "") || err == nil && d.String() != want {
			t.Errorf("%.40s: %s, %v", in, d, err)
		}
		if err != nil && len(err.Error()) > 300 {
			t.Errorf("the error has %d bytes", len(err.Error()))
		}
	}
}

// A secret is read as plain text or as a stored hash, and as nothing else.
func TestSecretForms(t *testing.T) {
	for in, want := range map[string][2]string{
		`"plain"`: {"plain", ""}, `{"hash":"h"}`: {"", "h"}, `{}`: {"", ""}, `""`: {"", ""},
	} {
		s := mdc.Secret{Hash: "old"}
		if err := json.Unmarshal([]byte(in), &s); err != nil {
			t.Errorf("%s: %v", in, err)
		}
		if p, ok := s.Plain(); p != want[0] || ok != (p != "") || s.Hash != want[1] || s.IsZero() != (want == [2]string{}) {
			t.Errorf("%s: plain %q, hash %q", in, p, s.Hash)
		}
	}
	for _, in := range []string{`5`, `[]`, `true`} {
		if err := json.Unmarshal([]byte(in), new(mdc.Secret)); err == nil {
			t.Errorf("%s is a secret", in)
		}
	}
}

// OAM-11, SEC-24: hosts and paths of applications.
func TestPatterns(t *testing.T) {
	for host, ok := range map[string]bool{
		"shop.example.com": true, "shop.example.com:8443": true, "*.example.com": true, "*.example.com:8443": true, "localhost": true, "[::1]:80": true,
		"": false, "*": false, "*.": false, "*.*.com": false, "a.*.com": false, "SHOP.example.com": false, "https://a": false, "a/b": false, "a.": false,
		"u@a": false, "a?b": false, "a b": false, "a\r\nb": false, "a%2e": false, "a\\b": false, strings.Repeat("a", 301): false,
	} {
		a := &mdc.Application{Name: "a", Hosts: []string{host}}
		if got := !has(a.Validate(), "/hosts/0"); got != ok {
			t.Errorf("host %q: %v", host, got)
		}
	}
	for path, ok := range map[string]bool{
		"/": true, "/a": true, "/a/": true, "/a/b.html": true, "/*": true, "/a/*/b": true, "/**": true, "/a/**": true, "/ä": true, "/a/...": true,
		"": false, "a": false, "//": false, "/a//b": false, "/.": false, "/a/../b": false, "/a/./b": false, "/**/a": false, "/a*": false, "/a/b**": false,
		"/a%2fb": false, "/a?b": false, "/a#b": false, "/a\\b": false, "/a;b": false, "/a\x00": false, "/a\n": false, "/a\x7f": false,
		"/" + strings.Repeat("a", 2048): false,
	} {
		a := &mdc.Application{Name: "a", Hosts: []string{"h"}, Resources: map[string]mdc.Resource{"r": {Paths: []string{path}}}}
		if got := !has(a.Validate(), "/resources/r/paths/0"); got != ok {
			t.Errorf("path %q: %v", path, got)
		}
	}
}

// Origins are exact: scheme, host, port, and nothing else.
func TestOrigins(t *testing.T) {
	for origin, ok := range map[string]bool{
		"https://a.example.com": true, "http://localhost:8080": true, "https://[::1]:8443": true,
		"": false, "https://": false, "https://a/": false, "https://a/b": false, "https://a?b": false, "https://a#b": false, "https://u:p@a": false,
		"HTTPS://a": false, "https://A": false, "ftp://a": false, "javascript:alert(1)": false, "//a": false, "a": false, "https://a b": false,
		"https://a\n": false, "https://a:x": false, "https:a": false, "https://" + strings.Repeat("a", 512): false,
	} {
		if got := mdc.ValidOrigin(origin); got != ok {
			t.Errorf("%q: %v", origin, got)
		}
	}
	a := &mdc.Agent{Name: "a", Hosts: []string{"https://a"}}
	for page, ok := range map[string]bool{
		"https://a": true, "https://a/": true, "https://a/b?c=d": true,
		"https://a.evil": false, "https://a@evil": false, "https://a:1/": false, "http://a/": false, "/b": false, "https://a/\r\n": false, "https://a/\\": false,
	} {
		if a.StartPage = page; has(a.Validate(), "/start_page") == ok {
			t.Errorf("start page %q: %v", page, !ok)
		}
	}
}

type certificate struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  string
}

// newCertificate makes a CA; by signs it, or it signs itself.
func newCertificate(t *testing.T, name string, by *certificate) *certificate {
	t.Helper()
	return sign(t, &x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, by)
}

func sign(t *testing.T, c *x509.Certificate, by *certificate) *certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.SerialNumber, c.NotBefore, c.NotAfter = big.NewInt(1), time.Unix(0, 0), time.Unix(4e9, 0)
	if by == nil {
		by = &certificate{cert: c, key: key}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by.cert, key.Public(), by.key)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &certificate{made, key, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))}
}

// MSS-10, OAM-42, SEC-68: what may be trusted, and that a private key is refused without being repeated.
func TestCertificates(t *testing.T) {
	root := newCertificate(t, "root", nil)
	issuer := newCertificate(t, "issuer", root)
	server := sign(t, &x509.Certificate{Subject: pkix.Name{CommonName: "server"}}, issuer)
	for c, want := range map[*certificate]string{root: mdc.CertificateRoot, issuer: mdc.CertificateIntermediate, server: mdc.CertificateServer} {
		if got := mdc.CertificateType(c.cert); got != want {
			t.Errorf("%s is %s", c.cert.Subject, got)
		}
	}
	if p := mdc.Fingerprint(root.cert); len(p) != 64 || p != strings.ToLower(p) {
		t.Errorf("fingerprint %s", p)
	}
	der, err := x509.MarshalPKCS8PrivateKey(root.key)
	if err != nil {
		t.Fatal(err)
	}
	key := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	block := func(kind, body string) string {
		return "-----BEGIN " + kind + "-----\n" + body + "\n-----END " + kind + "-----\n"
	}
	for name, c := range map[string]struct {
		text  string
		count int // 0 = refused
	}{
		"one": {root.pem, 1}, "white space around": {"\n\n  " + root.pem + "\r\n\n", 1}, "a chain": {server.pem + issuer.pem + root.pem, 3},
		"eight": {strings.Repeat(root.pem, 8), 8}, "nine": {strings.Repeat(root.pem, 9), 0}, "nothing": {"", 0}, "white space": {" \n", 0},
		"a key": {key, 0}, "a key behind": {root.pem + key, 0}, "a key before": {key + root.pem, 0}, "a key's body only": {strings.Split(key, "\n")[1], 0},
		"a key of another kind": {block("RSA PRIVATE KEY", strings.Split(key, "\n")[1]), 0}, "a key as certificate": {block("CERTIFICATE", strings.Split(key, "\n")[1]), 0},
		"a key under a strange name": {block("private key", strings.Split(key, "\n")[1]), 0}, "a request": {block("CERTIFICATE REQUEST", "AAAA"), 0},
		"text before": {"my root\n" + root.pem, 0}, "text between": {root.pem + "and\n" + root.pem, 0}, "text behind": {root.pem + "end", 0},
		"cut off": {root.pem[:len(root.pem)/2], 0}, "NUL": {"\x00" + root.pem, 0}, "too long": {strings.Repeat("\n", mdc.MaxTrustedPEM) + root.pem, 0},
	} {
		got, err := mdc.ParseCertificates(c.text)
		if len(got) != c.count || (err == nil) != (c.count > 0) {
			t.Errorf("%s: %d, %v", name, len(got), err)
		}
		if strings.Contains(c.text, "PRIVATE KEY") && (err == nil || !strings.Contains(err.Error(), "consider that key as exposed")) {
			t.Errorf("%s: nobody is told that a key got out: %v", name, err)
		}
		o := &mdc.TrustedCertificate{Name: "n", CertificatePEM: c.text}
		for _, f := range o.Validate() {
			for _, line := range strings.Split(key, "\n")[1:3] {
				if strings.Contains(f.Detail, line[:16]) {
					t.Errorf("%s: the key is repeated: %s", name, f.Detail)
				}
			}
		}
	}
}

// Epochs are ordered by number, then by holder without regard to case, so that no two masters tie.
func TestEpochs(t *testing.T) {
	for _, c := range []struct {
		a, b mdc.Epoch
		less bool
	}{
		{mdc.Epoch{Number: 1, ClusterID: "Z"}, mdc.Epoch{Number: 2, ClusterID: "A"}, true},
		{mdc.Epoch{Number: 1, ClusterID: "a"}, mdc.Epoch{Number: 1, ClusterID: "B"}, true},
		{mdc.Epoch{Number: 1, ClusterID: "a"}, mdc.Epoch{Number: 1, ClusterID: "A"}, false},
		{mdc.Epoch{Number: 2, ClusterID: "A"}, mdc.Epoch{Number: 1, ClusterID: "Z"}, false},
	} {
		if c.a.Less(c.b) != c.less {
			t.Errorf("%s before %s: %v", c.a, c.b, !c.less)
		}
	}
}
