package httpapi_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// attacker stands between two data centers with certificates of its own.
type attacker struct {
	address string
	root    *x509.Certificate
}

// between passes everything on to d and puts its own root beside d's into the bundle that it passes back; it notes the last offer.
func between(t *testing.T, d *testkit.DataCenter, seen *wire.PeerJoin) attacker {
	t.Helper()
	leaf := madeUp(t, "spiffe://nydc/node/ny1")
	root, err := x509.ParseCertificate(leaf.Certificate[1])
	if err != nil {
		t.Fatal(err)
	}
	pool := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // an attacker does not care
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.HasSuffix(r.URL.Path, "/join") {
			_ = json.Unmarshal(body, seen)
		}
		if strings.HasSuffix(r.URL.Path, "/bundle") {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(map[string]any{"keys": []any{map[string]any{"use": "x509-svid", "x5c": [][]byte{root.Raw}}}})
			return
		}
		req, _ := http.NewRequestWithContext(r.Context(), r.Method, "https://"+d.PeerAddress+r.URL.Path, bytes.NewReader(body))
		req.Header = r.Header
		res, err := pool.RoundTrip(req)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer res.Body.Close()
		for k, v := range res.Header {
			w.Header()[k] = v
		}
		w.WriteHeader(res.StatusCode)
		_, _ = io.Copy(w, res.Body)
	}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{leaf}}
	s.StartTLS()
	t.Cleanup(func() {
		s.Close()
		pool.CloseIdleConnections()
	})
	return attacker{strings.TrimPrefix(s.URL, "https://"), root}
}
