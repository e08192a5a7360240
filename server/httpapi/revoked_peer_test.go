package httpapi_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/store/badger"
)

// nodeOf gives a node certificate that d issues, as a caller of others shows it, and its serial.
func nodeOf(t *testing.T, d *testkit.DataCenter, name string) (*tls.Config, string) {
	t.Helper()
	var v wire.IssuedCertificate
	if _, err := d.Do(client.Request{Method: http.MethodPost, Path: "/v1/certificates", In: wire.CertificateOrder{Profile: "node", Name: name}, Out: &v}); err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair([]byte(v.CertificatePEM+v.ChainPEM), []byte(v.PrivateKeyPEM))
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, InsecureSkipVerify: true}, v.Serial //nolint:gosec // the test trusts the address
}

// trustPoll waits over HTTP/2 for news of d's roots.
func trustPoll(t *testing.T, d *testkit.DataCenter, cfg *tls.Config) <-chan error {
	t.Helper()
	pool := &http.Transport{TLSClientConfig: cfg.Clone(), ForceAttemptHTTP2: true}
	t.Cleanup(pool.CloseIdleConnections)
	get := func(wait string) error {
		res, err := (&http.Client{Transport: pool}).Get(fmt.Sprintf("https://%s/peer/v1/trust?after=1&crl=1&wait=%s", d.PeerAddress, wait))
		if err != nil {
			return err
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK || res.ProtoMajor != 2 {
			t.Errorf("%s %s", res.Proto, res.Status)
		}
		return nil
	}
	if err := get("0s"); err != nil {
		t.Fatal(err)
	}
	end := make(chan error, 1)
	go func() { end <- get("25s") }()
	return end
}

// TestARevokedNodeIsRefusedByPartners: SEC-43, FLT-22. A data center revokes the certificate of one of its nodes: its partner ends
// what that node holds open and refuses it anew within seconds, also after a restart during which nobody can tell it again;
// the other nodes stay believed. When the partner loses what it was told, it believes none of them.
func TestARevokedNodeIsRefusedByPartners(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	ny, ld := both[0], both[1]
	testkit.Link(ny, ld)
	revoked, serial := nodeOf(t, ny, "ny2")
	good, _ := nodeOf(t, ny, "ny3")
	believed := func(cfg *tls.Config) bool {
		return peer(t, ld, cfg, http.MethodGet, "/peer/v1/hello", "").status == http.StatusOK
	}
	if !believed(revoked) || !believed(good) {
		t.Fatal("nodes of NYDC are not believed at first")
	}
	ld.Within(testkit.Limit, "LDC follows NYDC's list", func() bool { return trustOf(ld, "NYDC").RevocationList > 0 })
	idle, poll := idleConnection(t, ld, revoked), trustPoll(t, ld, revoked)
	if _, err := ny.Do(client.Request{Method: http.MethodPost, Path: client.Path("v1", "certificates", serial, "revoke"), In: wire.CertificateRevocation{Reason: "key_compromise"}}); err != nil {
		t.Fatal(err)
	}
	ended(t, "an idle connection", idle)
	ended(t, "a long poll", poll)
	refusedAnew(t, ld, revoked)
	if v := trustOf(ld, "NYDC"); !believed(good) || v.Revoked != 1 {
		t.Errorf("the other node is not believed any more: %+v", v)
	}
	ny.Stop()
	ld.Stop()
	ld.Start()
	refusedAnew(t, ld, revoked)
	if !believed(good) {
		t.Error("after the restart the other node is not believed")
	}
	ld.Stop()
	lose(t, ld, "f/l/nydc")
	ld.Start()
	refusedAnew(t, ld, revoked)
	refusedAnew(t, ld, good)
	if v := trustOf(ld, "NYDC"); !v.Damaged {
		t.Errorf("it does not say so: %+v", v)
	}
}

func trustOf(d *testkit.DataCenter, partner string) (v wire.PartnerTrust) {
	d.Get("/v1/partners/"+partner+"/trust", &v)
	return v
}

// lose takes one key out of the state store of a data center that is down.
func lose(t *testing.T, d *testkit.DataCenter, key string) {
	t.Helper()
	s, err := badger.Open(badger.Config{Dir: filepath.Join(d.DataDir, "state")})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Update(t.Context(), func(w store.Writer) error { return w.Delete([]byte(key)) }); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
