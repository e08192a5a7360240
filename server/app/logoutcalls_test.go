package app_test

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/app"
	"github.com/concord-access/terraform-provider-concord/server/outbound"
	"github.com/concord-access/terraform-provider-concord/server/session/backchannel"
)

// TestLogoutCallsGoNowhereElse: SEC-48. What an administrator wrote is called over the one dialer: an address that the node's file does
// not allow gets nothing, a redirect is not followed, and a receiver is believed by the machine's roots or the data center's own, under
// its own name, also when it is an address.
func TestLogoutCallsGoNowhereElse(t *testing.T) {
	t.Parallel()
	var reached atomic.Int64
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer inside.Close()
	status := atomic.Int64{}
	receiver := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.FormValue("logout_token") != "token" {
			t.Errorf("%s %v", r.Method, r.Form)
		}
		w.Header().Set("Location", inside.URL)
		w.WriteHeader(int(status.Load()))
	}))
	defer receiver.Close()
	own := []*x509.Certificate{receiver.Certificate()} // for example.com, 127.0.0.1 and ::1
	open, closed := outbound.New(outbound.Config{Rule: outbound.Rule{AllowLoopback: true}}), outbound.New(outbound.Config{})
	post := func(d *outbound.Dialer, roots []*x509.Certificate, to string) error {
		return app.PostLogout(t.Context(), d, roots, to, "token")
	}
	if err := post(closed, own, inside.URL); fault.CodeOf(err) != outbound.CodeRefused || reached.Load() != 0 {
		t.Errorf("an address that is not allowed: %v, reached %d times", err, reached.Load())
	}
	for code, check := range map[int64]func(error) bool{
		200: func(err error) bool { return err == nil }, 204: func(err error) bool { return err == nil },
		302: func(err error) bool { return err != nil && !errors.Is(err, backchannel.ErrRefused) },
		400: func(err error) bool { return errors.Is(err, backchannel.ErrRefused) },
		404: func(err error) bool { return err != nil && !errors.Is(err, backchannel.ErrRefused) },
		503: func(err error) bool { return err != nil && !errors.Is(err, backchannel.ErrRefused) },
	} {
		status.Store(code)
		if err := post(open, own, receiver.URL+"/ended?key=p4ss"); !check(err) || err != nil && strings.Contains(err.Error(), "p4ss") {
			t.Errorf("%d: %v", code, err)
		}
	}
	if reached.Load() != 0 {
		t.Error("a redirect was followed")
	}
	status.Store(200)
	if err := post(open, nil, receiver.URL); err == nil {
		t.Error("a receiver with an unknown root was told")
	}
	if err := post(open, own, strings.Replace(receiver.URL, "127.0.0.1", "127.0.0.2", 1)); err == nil {
		t.Error("a receiver with a certificate for another address was told")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := app.PostLogout(ended, open, own, receiver.URL, "token"); err == nil {
		t.Error("told after the end")
	}
}
