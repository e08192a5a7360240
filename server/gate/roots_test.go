package gate_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/gate"
)

// rooted are gates before a real data center that know its roots by a file of their own, as those on another machine do.
type rooted struct {
	t      *testing.T
	d      *testkit.DataCenter
	config gate.Config
}

func newRooted(t *testing.T) *rooted {
	t.Helper()
	h := &rooted{t: t, d: testkit.Start(t, "NYDC")[0]}
	web := h.d.Application("web", shop)
	h.d.Put("/v1/applications/web", wire.Application{Name: "web", Hosts: []string{"shop.example"}, Resources: map[string]wire.Resource{"all": {Paths: []string{"/**"}, Protection: "public"}}})
	path := write(t, map[string]string{"ca.pem": h.d.CACertPEM, "secret": web.Secret, "gate.hcl": `
cluster_id      = "NYDC"
agent           = "web"
secret_file     = "secret"
listen          = "127.0.0.1:1"
upstream        = "` + newApplication(t).URL + `"
ca_file         = "ca.pem"
external_scheme = "https"
server "nydc1" { url = "` + h.d.RuntimeURL + `" }
`})
	var err error
	if h.config, err = gate.Load(path); err != nil {
		t.Fatal(err)
	}
	h.config.Clock, h.config.Logger = clock.System{}, slog.New(slog.DiscardHandler)
	return h
}

// open starts another gate with the same file.
func (h *rooted) open() (url string) {
	h.t.Helper()
	g, err := gate.New(h.config)
	if err != nil {
		h.t.Fatal(err)
	}
	front := httptest.NewServer(g.Handler())
	h.t.Cleanup(front.Close)
	return front.URL
}

// get opens the application through a gate, and gives the status; 0 is no answer.
func (h *rooted) get(url string) int {
	r, err := http.NewRequest(http.MethodGet, url+"/x", nil)
	if err != nil {
		h.t.Error(err)
		return 0
	}
	r.Host = "shop.example"
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode
}

// give puts the data center's ca.pem of now into the place of the gates'.
func (h *rooted) give() {
	h.t.Helper()
	next := h.config.CAFile + ".new"
	if err := errors.Join(os.WriteFile(next, []byte(h.d.Fresh().CACertPEM), 0o600), os.Rename(next, h.config.CAFile)); err != nil {
		h.t.Fatal(err)
	}
}

// TestGateFollowsTheRoots: FLT-21. The data center replaces its root under a gate that is at work. With the file of before it, a gate
// goes on, and one that starts anew too, until the former root is retired; with both roots in the file before that, and the new one
// after it, not one request fails, and nothing is restarted.
func TestGateFollowsTheRoots(t *testing.T) {
	t.Parallel()
	h := newRooted(t)
	at, idle := h.open(), h.open() // idle has no connection before the end
	ctx, stop := context.WithCancel(t.Context())
	var busy sync.WaitGroup
	var requests, failed atomic.Int64
	for range 4 {
		busy.Go(func() {
			for ctx.Err() == nil {
				if h.get(at) != http.StatusOK {
					failed.Add(1)
				}
				requests.Add(1)
			}
		})
	}
	defer busy.Wait()
	defer stop()
	more := func() {
		was := requests.Load()
		h.d.Within(testkit.Limit, "requests go on", func() bool { return requests.Load() > was+20 })
	}
	more()
	h.d.RotateAll(func(step string) {
		more()
		if step == "switch" {
			if got := h.get(h.open()); got != http.StatusOK {
				t.Errorf("a gate that starts after the switch with the former root: %d", got)
			}
			h.give()
			more()
		}
		if got := h.get(h.open()); got != http.StatusOK {
			t.Errorf("a gate that starts after %s: %d", step, got)
		}
	})
	h.give()
	more()
	if got := h.get(h.open()); got != http.StatusOK {
		t.Errorf("with the new root alone: %d", got)
	}
	if got := h.get(idle); got != http.StatusOK {
		t.Errorf("a gate that connects for the first time since the rotation began: %d", got)
	}
	stop()
	busy.Wait()
	if failed.Load() > 0 {
		t.Errorf("%d of %d requests failed", failed.Load(), requests.Load())
	}
	t.Logf("%d requests", requests.Load())
}

// TestGateThatWasNotGivenTheRoot: FLT-21. With the retired root alone a gate that begins lets nobody through, and goes on by itself
// when its file has the new one.
func TestGateThatWasNotGivenTheRoot(t *testing.T) {
	t.Parallel()
	h := newRooted(t)
	h.d.RotateAll(func(string) {})
	at := h.open()
	if got := h.get(at); got != http.StatusServiceUnavailable {
		t.Errorf("with the retired root: %d", got)
	}
	h.give()
	h.d.Within(testkit.Limit, "the gate goes on", func() bool { return h.get(at) == http.StatusOK })
}
