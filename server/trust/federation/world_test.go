package federation_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"path/filepath"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/store/badger"
	"github.com/concord-access/terraform-provider-concord/server/trust/federation"
)

// authority is a certificate with its key.
type authority struct {
	*x509.Certificate
	key *ecdsa.PrivateKey
}

// made makes a certificate; under is nil for one that signs itself.
func made(t *testing.T, under *authority, change func(*x509.Certificate)) *authority {
	t.Helper()
	return madeOn(t, elliptic.P256(), under, change)
}

// weak makes a root with a key that nobody is to believe.
func weak(t *testing.T) *authority { return madeOn(t, elliptic.P224(), nil, nil) }

func madeOn(t *testing.T, curve elliptic.Curve, under *authority, change func(*x509.Certificate)) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: "made " + serial.Text(36)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(1000 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign}
	if change != nil {
		change(c)
	}
	parent, signer := c, key
	if under != nil {
		parent, signer = under.Certificate, under.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	out, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{out, key}
}

// list signs a revocation list.
func list(t *testing.T, issuer *authority, number int64, serials ...*big.Int) federation.List {
	t.Helper()
	return at(t, issuer, number, time.Now().Add(-time.Minute), serials...)
}

// at is a list that was made at a time.
func at(t *testing.T, issuer *authority, number int64, made time.Time, serials ...*big.Int) federation.List {
	t.Helper()
	l := &x509.RevocationList{Number: big.NewInt(number), ThisUpdate: made, NextUpdate: time.Now().Add(time.Hour)}
	for _, s := range serials {
		l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: s, RevocationTime: time.Now()})
	}
	der, err := x509.CreateRevocationList(rand.Reader, l, issuer.Certificate, issuer.key)
	if err != nil {
		t.Fatal(err)
	}
	return federation.List{Issuer: issuer.Raw, List: der}
}

// told is a bundle as a partner sends it.
func told(t *testing.T, sequence uint64, roots ...*authority) federation.Document {
	t.Helper()
	type key struct {
		Use string   `json:"use"`
		X5C []string `json:"x5c"`
	}
	keys := []key{}
	for _, r := range roots {
		keys = append(keys, key{"x509-svid", []string{base64.StdEncoding.EncodeToString(r.Raw)}})
	}
	raw, err := json.Marshal(map[string]any{"keys": keys, "spiffe_sequence": sequence})
	if err != nil {
		t.Fatal(err)
	}
	return federation.Document{Sequence: sequence, Bundle: raw}
}

func text(all ...*authority) (out string) {
	for _, a := range all {
		out += string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Raw}))
	}
	return out
}

// world is a data center NYDC with what its administrators declared.
type world struct {
	dir          string
	store        store.Store
	clock        *clock.Manual
	partners     []mdc.Partner
	certificates []mdc.TrustedCertificate
	own, root    *authority // of NYDC, and of LDC
	book         *federation.Book
}

// Partners gives what is declared.
func (w *world) Partners(context.Context) ([]mdc.Partner, error) { return w.partners, nil }

// TrustedCertificates gives what is declared.
func (w *world) TrustedCertificates(context.Context) ([]mdc.TrustedCertificate, error) {
	return w.certificates, nil
}

// newWorld has LDC registered by its root, and SGDC by another.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{dir: filepath.Join(t.TempDir(), "state"), clock: clock.NewManual(time.Now()), own: made(t, nil, nil), root: made(t, nil, nil)}
	w.partners = []mdc.Partner{{ClusterID: "LDC"}, {ClusterID: "SGDC"}}
	w.declare(text(w.root))
	w.open(t)
	t.Cleanup(func() { _ = w.store.Close() })
	return w
}

func (w *world) declare(pem string) {
	w.certificates = []mdc.TrustedCertificate{{Name: "ldc", CertificatePEM: pem, Partner: "ldc"}}
}

func (w *world) open(t *testing.T) {
	t.Helper()
	var err error
	if w.store, err = badger.Open(badger.Config{Dir: w.dir, MemTableBytes: 8 << 20, Clock: w.clock}); err != nil {
		t.Fatal(err)
	}
	if w.book, err = federation.NewBook(federation.BookConfig{ClusterID: "NYDC", Store: w.store, Source: w, Clock: w.clock,
		Own: func() []*x509.Certificate { return []*x509.Certificate{w.own.Certificate} }}); err != nil {
		t.Fatal(err)
	}
	w.follow(t)
}

// follow is what a change of what is declared brings.
func (w *world) follow(t *testing.T) {
	t.Helper()
	if err := w.book.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (w *world) restart(t *testing.T) {
	t.Helper()
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
	w.open(t)
}

func (w *world) take(t *testing.T, d federation.Document) {
	t.Helper()
	if changed, err := w.book.Take(t.Context(), "LDC", d); err != nil || !changed {
		t.Fatalf("take %d: changed %t, %v", d.Sequence, changed, err)
	}
}

// standing is what is kept of LDC.
func (w *world) standing(t *testing.T) federation.Standing {
	t.Helper()
	s, err := w.book.Standing(t.Context(), "LDC")
	if err != nil {
		t.Fatal(err)
	}
	return s
}
