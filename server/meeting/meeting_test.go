package meeting_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/meeting"
)

// TestProofIsBound: a proof holds for its role, connection, data centers and bundles only, so that nothing of one exchange is of use
// in another (SEC-40).
func TestProofIsBound(t *testing.T) {
	t.Parallel()
	key := []byte("0123456789abcdef0123456789abcdef")
	m := meeting.Meeting{Exporter: make([]byte, 32), Caller: "NYDC", Answerer: "LDC", CallerBundle: []byte("{1}"), AnswererBundle: []byte("{2}")}
	proof := m.Proof(key, meeting.Caller)
	if !m.Proved(key, meeting.Caller, proof) {
		t.Fatal("the sound proof is refused")
	}
	folded := m
	folded.Caller, folded.Answerer = "nydc", "ldc"
	if !folded.Proved(key, meeting.Caller, proof) {
		t.Error("cluster ids compare with case")
	}
	for name, change := range map[string]func(*meeting.Meeting){
		"another connection":  func(m *meeting.Meeting) { m.Exporter = append([]byte{1}, m.Exporter[1:]...) },
		"no connection":       func(m *meeting.Meeting) { m.Exporter = nil },
		"the other way round": func(m *meeting.Meeting) { m.Caller, m.Answerer = m.Answerer, m.Caller },
		"swapped bundles":     func(m *meeting.Meeting) { m.CallerBundle, m.AnswererBundle = m.AnswererBundle, m.CallerBundle },
		"another bundle":      func(m *meeting.Meeting) { m.CallerBundle = []byte("{3}") },
		"another data center": func(m *meeting.Meeting) { m.Caller = "PARDC" },
		"shifted names":       func(m *meeting.Meeting) { m.Caller, m.Answerer = "NYDCL", "DC" },
	} {
		other := m
		change(&other)
		if other.Proved(key, meeting.Caller, proof) {
			t.Errorf("%s: taken", name)
		}
	}
	for name, bad := range map[string][]byte{"none": nil, "short": proof[:31], "long": append(proof[:32:32], 0), "the other role's": m.Proof(key, meeting.Answerer), "another key's": m.Proof(key[1:], meeting.Caller)} {
		if m.Proved(key, meeting.Caller, bad) {
			t.Errorf("%s: taken", name)
		}
	}
}

// TestExported: both ends of one connection have the same value, two connections do not, and TLS 1.2 has none.
func TestExported(t *testing.T) {
	t.Parallel()
	leaf := selfSigned(t)
	ends := func(version uint16) (a, b *tls.ConnectionState) {
		left, right := net.Pipe()
		defer left.Close()
		defer right.Close()
		server, client := tls.Server(right, &tls.Config{Certificates: []tls.Certificate{leaf}}), tls.Client(left, &tls.Config{InsecureSkipVerify: true, MaxVersion: version})
		done := make(chan error, 1)
		go func() { done <- server.HandshakeContext(t.Context()) }()
		if err := client.HandshakeContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		x, y := client.ConnectionState(), server.ConnectionState()
		return &x, &y
	}
	seen := map[string]bool{}
	for range 2 {
		a, b := ends(tls.VersionTLS13)
		one, err := meeting.Exported(a)
		two, wrong := meeting.Exported(b)
		if err != nil || wrong != nil || string(one) != string(two) || len(one) != 32 {
			t.Fatalf("%x and %x: %v %v", one, two, err, wrong)
		}
		seen[string(one)] = true
	}
	if len(seen) != 2 {
		t.Error("two connections have one value")
	}
	old, _ := ends(tls.VersionTLS12)
	for name, cs := range map[string]*tls.ConnectionState{"TLS 1.2": old, "none": nil} {
		if _, err := meeting.Exported(cs); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, form, form, public, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
