package app_test

import (
	"encoding/pem"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// withStepCA runs NYDC with certificates of a real step-ca, and LDC with its own, linked.
func withStepCA(t *testing.T, o testkit.StepOptions, ttl time.Duration) (s *testkit.StepCA, ny, ld *testkit.DataCenter) {
	t.Helper()
	program, err := theProgram.step()
	if err != nil {
		t.Fatal(err)
	}
	o.ClusterID = "nydc"
	s = testkit.NewStepCA(t, program, o)
	s.Start()
	all := testkit.StartWith(t, testkit.Options{External: s, LeafTTL: ttl}, "NYDC", "LDC")
	testkit.Link(all[0], all[1])
	return s, all[0], all[1]
}

// TestADataCenterOfAnExternalAuthority: its root, bundle and certificates are the external authority's, and a data center with
// an authority of its own replicates from it (OAM-42).
func TestADataCenterOfAnExternalAuthority(t *testing.T) {
	t.Parallel()
	s, ny, ld := withStepCA(t, testkit.StepOptions{}, 0)
	block, rest := pem.Decode([]byte(ny.CACertPEM))
	if block == nil || len(rest) > 0 || string(block.Bytes) != string(s.Root.Raw) {
		t.Error("ca.pem is not the external root")
	}
	var bundle wire.TrustBundle
	if ny.Get("/v1/trust/bundle", &bundle); bundle.CertificatePEM != ny.CACertPEM {
		t.Errorf("the bundle has another root: %+v", bundle)
	}
	ny.Put("/v1/groups/staff", wire.Group{Name: "staff"})
	testkit.InStep(ny, ld)

	var issued wire.IssuedCertificate
	if _, err := ny.Do(client.Request{Method: http.MethodPost, Path: "/v1/certificates", In: wire.CertificateOrder{Profile: "agent", Name: "portal"}, Out: &issued}); err != nil {
		t.Fatal(err)
	}
	leaf, _ := pem.Decode([]byte(issued.CertificatePEM))
	if leaf == nil || issued.PrivateKeyPEM == "" {
		t.Fatalf("issued %+v", issued)
	}
	if _, err := ny.Do(client.Request{Method: http.MethodPost, Path: client.Path("v1", "certificates", issued.Serial, "revoke"), In: wire.CertificateRevocation{Reason: "superseded"}}); err != nil {
		t.Error(err)
	}
	if !strings.Contains(s.Log(), "/1.0/revoke") {
		t.Error("step-ca was not told of the revocation")
	}
}

// TestTheExternalAuthorityIsAway: no request fails while certificates are renewed, and none while the authority is away and they
// are valid. When they ended, visitors and partners refuse, the node says why to those who still ask, and it is well by itself
// when the authority is back (FLT-21 with certificates of ten seconds; `make torture` has it with a minute).
func TestTheExternalAuthorityIsAway(t *testing.T) {
	t.Parallel()
	s, ny, ld := withStepCA(t, testkit.StepOptions{Min: 5 * time.Second, Max: time.Hour, Backdate: time.Second}, 10*time.Second)
	v := testkit.KeepVisiting(t, ny)
	ny.Within(testkit.Limit, "somebody is served", func() bool { return v.Served() > 0 })
	first := v.Shown()
	ny.Within(2*testkit.Limit, "the certificate is renewed", func() bool { return v.Shown() != first })
	if n := v.Refused(); n > 0 {
		t.Errorf("%d requests found a certificate that had ended, while the authority was there", n)
	}
	s.Kill()
	ny.Within(2*testkit.Limit, "the certificate ends", func() bool { return v.Refused() > 10 })
	if why := strings.Join(ny.Unhealthy(), "; "); !strings.Contains(why, "certificate of this node ended") || !strings.Contains(why, "cannot be reached") {
		t.Errorf("not healthy because: %s", why)
	}
	s.Start()
	served := v.Served()
	ny.Within(2*testkit.Limit, "it serves again", func() bool { return v.Served() > served })
	if n, err := v.Failed(); n > 0 {
		t.Errorf("%d requests failed, the first with %v", n, err)
	}
	ny.Put("/v1/groups/staff", wire.Group{Name: "staff"})
	testkit.InStep(ny, ld)
}

// TestStartSaysWhatIsWrongWithTheExternalAuthority: a first start needs it, and says what to look at; a program of its own reads the
// file.
func TestStartSaysWhatIsWrongWithTheExternalAuthority(t *testing.T) {
	server := program(t)
	step, err := theProgram.step()
	if err != nil {
		t.Fatal(err)
	}
	s := testkit.NewStepCA(t, step, testkit.StepOptions{ClusterID: "nydc"})
	p := testkit.NewProcess(t, server, "NYDC")
	p.UseStepCA(s, time.Hour)
	refusesToStart(t, p, s.URL(), "cannot be reached")
	s.Start()
	right := s.Fingerprint
	s.Fingerprint = strings.Repeat("0", 64)
	p.UseStepCA(s, time.Hour)
	refusesToStart(t, p, "fingerprint", s.Fingerprint)
	s.Fingerprint = right
	p.UseStepCA(s, 48*time.Hour)
	refusesToStart(t, p, "more than the authorized maximum")
	p.UseStepCA(s, time.Hour)
	p.Start()
}

// TestNobodyFailsOverShortLives: two data centers that live with certificates of ten seconds are asked at every listener, over new and
// over kept connections, and adopt sessions from one another, for two lives and more: no request fails (FLT-21; `make torture` has it
// with a minute, several lives and a gate).
func TestNobodyFailsOverShortLives(t *testing.T) {
	t.Parallel()
	_, ny, ld := withStepCA(t, testkit.StepOptions{Min: 5 * time.Second, Max: time.Hour, Backdate: time.Second}, 10*time.Second)
	for _, user := range []string{"ann", "bob"} {
		ny.User(user)
	}
	desk := ny.Application("desk", "https://desk.example")
	testkit.InStep(ny, ld)
	var all []*testkit.Visits
	for _, url := range []string{ny.Endpoint, ny.RuntimeURL} {
		for _, keep := range []bool{false, true} {
			all = append(all, testkit.KeepAsking(t, testkit.Asking{URL: url + "/v1/health", TLS: ny.TLS(), Every: 50 * time.Millisecond, Keep: keep}))
		}
	}
	loads := testkit.Adoptions{testkit.Adopt(ny, ld, desk, "ann"), testkit.Adopt(ld, ny, desk, "bob")}
	for last, changes := "", 0; changes < 4; { // the first, and three that took its place
		ny.Within(2*testkit.Limit, "the certificate is renewed", func() bool { return all[0].Shown() != last })
		last, changes = all[0].Shown(), changes+1
	}
	for i, v := range all {
		v.Stop()
		if n, err := v.Failed(); n+v.Refused() > 0 || v.Served() == 0 {
			t.Errorf("visitor %d: %d served, %d refused, %d failed, the first with %v", i, v.Served(), v.Refused(), n, err)
		}
	}
	if rounds, failed := loads.Stop(); failed > 0 || rounds == 0 {
		t.Errorf("%d of %d adoptions failed", failed, rounds)
	}
}

// TestStrangersAreNotToldOfTheAuthority: what the external authority says of itself, such as its address, is for administrators and for
// the log; the revocation list is open to everybody.
func TestStrangersAreNotToldOfTheAuthority(t *testing.T) {
	t.Parallel()
	s, ny, _ := withStepCA(t, testkit.StepOptions{WithoutCRL: true}, 0)
	_, err := ny.Do(client.Request{Method: http.MethodPost, Path: "/v1/certificates", In: wire.CertificateOrder{Profile: "agent", Name: "portal"}})
	if err != nil {
		t.Fatal(err)
	}
	body := ""
	ny.Within(testkit.Limit, "the list is refused", func() bool {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, ny.Endpoint+"/v1/crl", nil)
		if err != nil {
			t.Fatal(err)
		}
		pool := &http.Transport{TLSClientConfig: ny.TLS(), DisableKeepAlives: true}
		res, err := pool.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close() //nolint:errcheck // only read
		raw, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		body = string(raw)
		return strings.Contains(body, "ca_no_list")
	})
	if strings.Contains(body, s.Address) || strings.Contains(body, "concord\"") || !strings.Contains(body, "request id") {
		t.Errorf("a stranger is told %s", body)
	}
	s.Kill()
	_, err = ny.Do(client.Request{Method: http.MethodPost, Path: "/v1/certificates", In: wire.CertificateOrder{Profile: "agent", Name: "other"}})
	if err == nil || !strings.Contains(err.Error(), s.URL()) {
		t.Errorf("an administrator is told %v", err)
	}
}
