package httpapi_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"log/slog"
	"sync"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// record keeps a log, for tests that look at it.
type record struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

// Write takes a line.
func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.b.Write(p)
}

func (r *record) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(r, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func (r *record) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.b.String()
}

func codeOf(err error) string { return fault.CodeOf(err) }

func wantCode(t *testing.T, err error, status int, code string) {
	t.Helper()
	api, ok := errors.AsType[*client.APIError](err)
	if !ok || api.Status != status || api.Fault.Code != code {
		t.Errorf("got %v, want %d %s", err, status, code)
	}
}

// keys are fresh private keys as DER.
func keys(t *testing.T) (pkcs8, sec1, pkcs1 []byte) {
	t.Helper()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err = x509.MarshalPKCS8PrivateKey(ec)
	if err == nil {
		sec1, err = x509.MarshalECPrivateKey(ec)
	}
	if err != nil {
		t.Fatal(err)
	}
	return pkcs8, sec1, x509.MarshalPKCS1PrivateKey(r)
}

func unframed(der []byte) string { return base64.StdEncoding.EncodeToString(der) }
