package client_test

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// TestNewRefuses: wiring faults show at start, and no text repeats a credential (SEC-68).
func TestNewRefuses(t *testing.T) {
	cases := map[string]struct {
		cfg  client.Config
		want string // "" = accepted
	}{
		"https":              {client.Config{Endpoint: "https://ny.example.com:7400/", Token: "t0psecret"}, ""},
		"no credential":      {client.Config{Endpoint: "http://ny.example.com:7401"}, ""},
		"loopback address":   {client.Config{Endpoint: "http://127.0.0.1:7400", Token: "t0psecret"}, ""},
		"loopback v6":        {client.Config{Endpoint: "http://[::1]:7400", Token: "t0psecret"}, ""},
		"loopback name":      {client.Config{Endpoint: "http://localhost:7400", Token: "t0psecret"}, ""},
		"token in clear":     {client.Config{Endpoint: "http://ny.example.com:7400", Token: "t0psecret"}, "unencrypted"},
		"password in clear":  {client.Config{Endpoint: "http://10.0.0.1", Username: "web1", Password: "t0psecret"}, "unencrypted"},
		"localhost by trick": {client.Config{Endpoint: "http://localhost.example.com", Token: "t0psecret"}, "unencrypted"},
		"nothing":            {client.Config{}, "no endpoint"},
		"no scheme":          {client.Config{Endpoint: "ny.example.com:7400"}, "no address"},
		"password in it":     {client.Config{Endpoint: "https://ann:t0psecret@ny.example.com"}, "apart"},
		"query":              {client.Config{Endpoint: "https://ny.example.com/?a=b"}, "behind the path"},
		"both":               {client.Config{Endpoint: "https://ny.example.com", Token: "t0psecret", Username: "web1"}, "not both"},
		"line end":           {client.Config{Endpoint: "https://ny.example.com", Token: "t0psecret\n"}, "white space"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := client.New(tc.cfg)
			switch {
			case tc.want == "" && err != nil:
				t.Fatal(err)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
				t.Fatalf("got %v", err)
			case err != nil && strings.Contains(err.Error(), "t0psecret"):
				t.Fatalf("the error repeats the secret: %v", err)
			}
		})
	}
}

func TestServerDown(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := "https://" + l.Addr().String()
	l.Close()
	c, err := client.New(client.Config{Endpoint: address, MaxRetries: 1})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Do(t.Context(), client.Request{Method: http.MethodGet, Path: "/v1/data-center"})
	want := "cannot reach Concord at " + address + ": connection refused; is the server running, is the endpoint right?"
	if !fault.Is(err, fault.Unavailable) || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

func TestSlowServer(t *testing.T) {
	c := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, func(cfg *client.Config) {
		cfg.Timeout, cfg.MaxRetries = 50*time.Millisecond, -1
	})
	_, err := c.Do(t.Context(), client.Request{Method: http.MethodGet, Path: "/v1/data-center"})
	if fault.CodeOf(err) != client.CodeTimeout || !strings.Contains(err.Error(), "within 50ms") {
		t.Errorf("got %v", err)
	}
}

func TestCertificateTroubles(t *testing.T) {
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.StartTLS()
	defer s.Close()
	mutual := httptest.NewUnstartedServer(http.NotFoundHandler())
	mutual.Config.ErrorLog = s.Config.ErrorLog
	mutual.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	mutual.StartTLS()
	defer mutual.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	trusting := func() *tls.Config {
		pool := x509.NewCertPool()
		pool.AddCert(s.Certificate())
		return &tls.Config{RootCAs: pool}
	}
	wrongName := trusting()
	wrongName.ServerName = "other.test"
	old := trusting()
	old.Time = func() time.Time { return time.Unix(1<<40, 0) }

	cases := map[string]struct {
		endpoint string
		tls      *tls.Config
		code     string
		want     string
	}{
		"unknown root": {s.URL, nil, client.CodeNotTrusted, "ca_cert_file or in CONCORD_CACERT"},
		"other name":   {s.URL, wrongName, client.CodeNotTrusted, "another name"},
		"expired":      {s.URL, old, client.CodeNotTrusted, "clock"},
		"client's":     {mutual.URL, trusting(), client.CodeNotOurs, "CONCORD_CLIENT_CERT"},
		"no TLS":       {"https://" + plain.Listener.Addr().String(), nil, client.CodeNotTrusted, "does not speak TLS"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c, err := client.New(client.Config{Endpoint: tc.endpoint, TLS: tc.tls})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_, err = c.Do(t.Context(), client.Request{Method: http.MethodGet, Path: "/v1/data-center"})
			if fault.CodeOf(err) != tc.code || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %q: %v", fault.CodeOf(err), err)
			}
		})
	}
}

func TestTLSFromPEM(t *testing.T) {
	cases := map[string][3]string{
		"ca is no PEM":        {"t0psecret", "", ""},
		"certificate alone":   {"", "t0psecret", ""},
		"key alone":           {"", "", "t0psecret"},
		"pair that is no PEM": {"", "t0psecret", "t0psecret"},
	}
	for name, in := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := client.TLSFromPEM(in[0], in[1], in[2]); err == nil || strings.Contains(err.Error(), "t0psecret") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// Every kind survives the way through a status, whichever side turns it.
func TestKindsRoundTrip(t *testing.T) {
	seen := map[string]bool{}
	for k := fault.Internal; k <= fault.Unavailable; k++ {
		if got := client.KindFromStatus(client.StatusFromKind(k)); got != k {
			t.Errorf("kind %d comes back as %d", k, got)
		}
		seen[client.KindName(k)] = true
	}
	if len(seen) != 9 {
		t.Errorf("names repeat: %v", seen)
	}
	for status, want := range map[int]fault.Kind{429: fault.Unavailable, 502: fault.Unavailable, 504: fault.Unavailable, 422: fault.Invalid, 428: fault.Precondition, 501: fault.Internal} {
		if got := client.KindFromStatus(status); got != want {
			t.Errorf("%d is kind %d, want %d", status, got, want)
		}
	}
}
