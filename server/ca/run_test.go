package ca_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/server/ca"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// flaky is a real store whose writes can be made to fail, as on a full disk.
type flaky struct {
	store.Store
	broken atomic.Bool
	tries  atomic.Int64
}

func (f *flaky) Update(ctx context.Context, fn func(store.Writer) error) error {
	if f.broken.Load() {
		f.tries.Add(1)
		return errors.New("disk full")
	}
	return f.Store.Update(ctx, fn)
}

// TestRunRenewsAtTwoThirds, retries with a growing pause while the store fails, and ends with its context.
func TestRunRenewsAtTwoThirds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &flaky{Store: openStore(t, t.TempDir(), clock.System{})}
		a, err := ca.Open(t.Context(), ca.Config{ClusterID: "nydc", NodeName: "n1", Store: f, Wrapper: newNodeKey(t), LeafTTL: 2 * time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- a.Run(ctx) }()

		first, web := a.PeerCertificate(), a.WebCertificate()
		advance(70 * time.Minute)
		if a.PeerCertificate() != first || a.WebCertificate() != web {
			t.Error("renewed long before two thirds")
		}
		advance(10 * time.Minute)
		second := a.PeerCertificate()
		if second == first || a.WebCertificate() == web {
			t.Fatal("not renewed at two thirds")
		}
		if second.Leaf.SerialNumber.Cmp(first.Leaf.SerialNumber) == 0 || first.PrivateKey == second.PrivateKey {
			t.Error("renewed with the same serial or key")
		}

		f.broken.Store(true)
		advance(90 * time.Minute)
		if a.PeerCertificate() != second || f.tries.Load() < 5 {
			t.Errorf("with a broken store: %d tries", f.tries.Load())
		}
		if n := f.tries.Load(); n > 60 {
			t.Errorf("%d tries in twenty minutes: no back-off", n)
		}
		f.broken.Store(false)
		advance(6 * time.Minute)
		if a.PeerCertificate() == second {
			t.Error("not renewed after the store came back")
		}

		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run ended with %v", err)
		}
		if err := errors.Join(a.Close(), f.Close()); err != nil {
			t.Error(err)
		}
	})
}

// TestRunWithShortLeaves: FLT-21. Leaves of a minute are renewed in time for twenty lives, and not without end.
func TestRunWithShortLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t, t.TempDir(), clock.System{})
		a, err := ca.Open(t.Context(), ca.Config{ClusterID: "nydc", NodeName: "n1", Store: s, Wrapper: newNodeKey(t), LeafTTL: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- a.Run(ctx) }()
		seen := map[string]bool{}
		for range 20 * 60 {
			advance(time.Second)
			for _, c := range []*tls.Certificate{a.PeerCertificate(), a.WebCertificate()} {
				seen[c.Leaf.SerialNumber.String()] = true
				if left := time.Until(c.Leaf.NotAfter); left < 15*time.Second {
					t.Fatalf("%s left of a leaf", left)
				}
			}
		}
		if n := len(seen); n < 2*20 || n > 2*50 {
			t.Errorf("%d leaves in twenty minutes", n)
		}
		cancel()
		if err := errors.Join(<-ended, a.Close(), s.Close()); err != nil {
			t.Error(err)
		}
	})
}

// advance lets the bubble's clock pass d.
func advance(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// signal is a log handler that tells of each issued certificate.
type signal struct {
	slog.Handler
	issued chan struct{}
}

func (s signal) Enabled(context.Context, slog.Level) bool { return true }
func (s signal) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "certificate issued" {
		s.issued <- struct{}{}
	}
	return nil
}

// TestRenewalKeepsConnections: the old leaf's connection goes on, a new one is shown the new leaf.
func TestRenewalKeepsConnections(t *testing.T) {
	b := newBench(t)
	issued := make(chan struct{}, 16)
	b.config.Logger = slog.New(signal{slog.DiscardHandler, issued})
	a := b.open(t)
	<-issued // peer
	<-issued // web

	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }))
	server.TLS = &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return a.WebCertificate(), nil }}
	server.StartTLS()
	defer server.Close()
	server.TLS.Certificates = nil // httptest adds its own
	client := func() *http.Client {
		roots := x509.NewCertPool()
		roots.AddCert(a.Roots()[0])
		tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Time: b.clock.Now}}
		t.Cleanup(tr.CloseIdleConnections)
		return &http.Client{Transport: tr}
	}
	old := client()
	before, _ := get(t, old, server.URL)

	b.clock.Advance(17 * time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	<-issued
	<-issued
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}

	again, reused := get(t, old, server.URL)
	if !reused || !again.Equal(before) {
		t.Error("renewal dropped the open connection")
	}
	fresh, _ := get(t, client(), server.URL)
	if fresh.Equal(before) || !fresh.Equal(a.WebCertificate().Leaf) {
		t.Error("a new connection is not shown the new leaf")
	}
}

// get gives the server's leaf and whether the connection was used before.
func get(t *testing.T, c *http.Client, url string) (leaf *x509.Certificate, reused bool) {
	t.Helper()
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { reused = i.Reused }})
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.TLS.PeerCertificates[0], reused
}
