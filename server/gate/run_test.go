package gate_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/gate"
)

// selfSigned gives a certificate for name and its key, as PEM.
func selfSigned(t *testing.T, name string) (certPEM, keyPEM string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))
}

// run serves h's gate on a real listener; the function it gives stops it and wants a clean end.
func run(t *testing.T, h *house) (address string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- h.gate.Serve(ctx, l) }()
	stop = func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the gate ended with %v", err)
		}
	}
	return l.Addr().String(), stop
}

// Proves that the end drains: a request under way is finished, an upgraded connection is closed, and Serve returns then.
func TestServeDrains(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(entered)
		<-release
		_, _ = io.WriteString(w, "finished")
	}))
	defer app.Close()
	h := newHouse(t, []*concord{newConcord(t, "NYDC", "ny1")}, nil, func(c *gate.Config) { c.Upstream = app.URL })
	address, stop := run(t, h)
	answer := make(chan string, 1)
	go func() {
		res, err := http.Get("http://" + address + "/")
		if err != nil {
			answer <- err.Error()
			return
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		answer <- string(body)
	}()
	<-entered
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	for { // the end has begun when nobody is let in any more
		conn, err := net.Dial("tcp", address)
		if err != nil {
			break
		}
		conn.Close()
	}
	close(release)
	if got := <-answer; got != "finished" {
		t.Errorf("the request under way got %q", got)
	}
	<-stopped
}

func TestServeEndsUpgradedConnections(t *testing.T) {
	app := upgrader(t)
	h := newHouse(t, []*concord{newConcord(t, "NYDC", "ny1")}, nil, func(c *gate.Config) { c.Upstream = app.URL })
	address, stop := run(t, h)
	res, _, in := raw(t, address, "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	if res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("got %s", res.Status)
	}
	stop()
	if _, err := in.ReadByte(); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the connection lives on: %v", err)
	}
}

func TestRunRefusesATakenAddress(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	h := newHouse(t, []*concord{newConcord(t, "NYDC", "ny1")}, nil, func(c *gate.Config) { c.Listen = l.Addr().String() })
	if err := h.gate.Run(t.Context()); err == nil {
		t.Error("two listeners on one address")
	}
}

// Proves the gate's own TLS, and that a renewed certificate is shown without a restart.
func TestServeTLSAndRenewedCertificate(t *testing.T) {
	oldCert, oldKey := selfSigned(t, "gate.example")
	path := write(t, map[string]string{"cert.pem": oldCert, "key.pem": oldKey, "gate.hcl": ""})
	certFile, keyFile := strings.Replace(path, "gate.hcl", "cert.pem", 1), strings.Replace(path, "gate.hcl", "key.pem", 1)
	h := newHouse(t, []*concord{newConcord(t, "NYDC", "ny1")}, nil, func(c *gate.Config) { c.CertFile, c.KeyFile = certFile, keyFile })
	address, stop := run(t, h)
	defer stop()
	ask := func(cert string) error {
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM([]byte(cert))
		c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "gate.example"}}}
		res, err := c.Get("https://" + address + "/")
		if err != nil {
			return err
		}
		return res.Body.Close()
	}
	if err := ask(oldCert); err != nil {
		t.Fatal(err)
	}
	for _, c := range h.servers[0].taken() {
		if c.path == "POST /session/v1/authorize" && c.authorize.Scheme != "https" {
			t.Errorf("scheme %q", c.authorize.Scheme)
		}
	}
	newCert, newKey := selfSigned(t, "gate.example")
	later := time.Now().Add(time.Hour)
	for file, text := range map[string]string{keyFile: newKey, certFile: newCert} {
		if err := errors.Join(os.WriteFile(file, []byte(text), 0o600), os.Chtimes(file, later, later)); err != nil {
			t.Fatal(err)
		}
	}
	if err := ask(oldCert); err != nil {
		t.Errorf("within the minute the old one is shown: %v", err)
	}
	h.clock.Advance(time.Minute)
	if err := ask(newCert); err != nil {
		t.Errorf("the renewed certificate is not shown: %v", err)
	}
}
