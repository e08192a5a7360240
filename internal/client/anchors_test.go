package client_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// self is a root that is a server's certificate for 127.0.0.1 too.
func self(t *testing.T, change func(*x509.Certificate)) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "self"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	if change != nil {
		change(c)
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// shown serves with a certificate.
func shown(t *testing.T, c tls.Certificate) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{c}}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func replace(t *testing.T, file, text string) {
	t.Helper()
	if err := errors.Join(os.WriteFile(file+".new", []byte(text), 0o600), os.Rename(file+".new", file)); err != nil {
		t.Fatal(err)
	}
}

// TestAnchorsAreThoseOfTheFile: the next connection goes by what the file says then, whether a root came or went; what cannot be read
// changes nothing.
func TestAnchorsAreThoseOfTheFile(t *testing.T) {
	t.Parallel()
	first, firstPEM := self(t, nil)
	second, secondPEM := self(t, nil)
	file := filepath.Join(t.TempDir(), "roots.pem")
	replace(t, file, firstPEM)
	anchors, err := client.FileAnchors(file)
	if err != nil {
		t.Fatal(err)
	}
	servers := []*httptest.Server{shown(t, first), shown(t, second)}
	believed := func(what string, want ...bool) {
		t.Helper()
		for i, s := range servers {
			c, err := client.New(client.Config{Endpoint: s.URL, Anchors: anchors, TLS: &tls.Config{ClientSessionCache: tls.NewLRUClientSessionCache(8)}, MaxRetries: -1})
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.Do(t.Context(), client.Request{Method: http.MethodGet, Path: "/"})
			if want[i] != (err == nil) || err != nil && fault.CodeOf(err) != client.CodeNotTrusted {
				t.Errorf("%s, server %d: %v", what, i, err)
			}
			c.Close()
		}
	}
	believed("the first root", true, false)
	replace(t, file, firstPEM+secondPEM)
	believed("both", true, true)
	replace(t, file, "nothing")
	believed("a file without roots", true, true)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	believed("no file", true, true)
	replace(t, file, secondPEM)
	believed("the second root", false, true)
	if _, err := client.FileAnchors(file + ".none"); err == nil {
		t.Error("a file that is not there is taken")
	}
}

// TestAnchorsVerifyAsTLSDoes: the name, the time and the use of a certificate count as without them.
func TestAnchorsVerifyAsTLSDoes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*x509.Certificate)
		ok     bool
	}{
		"right":        {nil, true},
		"another name": {func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 2)} }, false},
		"no name":      {func(c *x509.Certificate) { c.IPAddresses = nil }, false},
		"expired":      {func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }, false},
		"not yet":      {func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }, false},
		"for clients":  {func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }, false},
		"for servers":  {func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			certificate, text := self(t, c.change)
			file := filepath.Join(t.TempDir(), "roots.pem")
			replace(t, file, text)
			anchors, err := client.FileAnchors(file)
			if err != nil {
				t.Fatal(err)
			}
			asked, err := client.New(client.Config{Endpoint: shown(t, certificate).URL, Anchors: anchors, MaxRetries: -1})
			if err != nil {
				t.Fatal(err)
			}
			defer asked.Close()
			if _, err := asked.Do(t.Context(), client.Request{Method: http.MethodGet, Path: "/"}); (err == nil) != c.ok {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestAnchorsEndOpenConnections: a root that was taken out is not believed on a connection that is open either.
func TestAnchorsEndOpenConnections(t *testing.T) {
	t.Parallel()
	first, firstPEM := self(t, nil)
	_, secondPEM := self(t, nil)
	file := filepath.Join(t.TempDir(), "roots.pem")
	replace(t, file, firstPEM)
	anchors, err := client.FileAnchors(file)
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(client.Config{Endpoint: shown(t, first).URL, Anchors: anchors, TLS: &tls.Config{ClientSessionCache: tls.NewLRUClientSessionCache(8)}, MaxRetries: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ask := func() error {
		_, err := c.Do(t.Context(), client.Request{Method: http.MethodGet, Path: "/"})
		return err
	}
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	replace(t, file, secondPEM)
	for end := time.Now().Add(20 * time.Second); ask() == nil; {
		if time.Now().After(end) {
			t.Fatal("it is believed on and on")
		}
	}
	replace(t, file, firstPEM)
	for end := time.Now().Add(20 * time.Second); ask() != nil; {
		if time.Now().After(end) {
			t.Fatal("it is not believed again")
		}
	}
}
