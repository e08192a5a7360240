package httpapi_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/cli"
)

// edge is one edge as d sees the whole.
func edge(t *testing.T, d *testkit.DataCenter, from, to string) (e wire.TrustEdge, m wire.TrustMatrix) {
	t.Helper()
	d.Get("/v1/trust/matrix", &m)
	for _, e := range m.Edges {
		if e.From == from && e.To == to {
			return e, m
		}
	}
	t.Fatalf("no edge from %s to %s: %+v", from, to, m)
	return e, m
}

// TestTrustMatrix: three data centers see each edge in both directions, also those between two others; each way of breaking one shows
// there with its reason, in the matrix, in the validation and as the command's exit code (OAM-07, MSS-10).
func TestTrustMatrix(t *testing.T) {
	t.Parallel()
	all := testkit.Start(t, "NYDC", "LDC", "FRA")
	ny, ldn, fra := all[0], all[1], all[2]
	testkit.Link(ny, ldn, fra)
	_, m := edge(t, ny, "NYDC", "LDC")
	if len(m.Edges) != 6 || !m.Sound {
		t.Fatalf("a sound topology: %+v", m)
	}
	for _, e := range m.Edges {
		agreement := map[bool]string{true: "ready"}[e.From == "NYDC" || e.To == "NYDC"]
		if e.Result != "sound" || !e.Declared || !e.Trusted || e.Reachable == nil || !*e.Reachable || e.Mutual == nil || !*e.Mutual || e.ModeEqual == nil || !*e.ModeEqual ||
			e.VersionFits == nil || !*e.VersionFits || e.ExpiresAt == nil || e.AgreementState != agreement || e.Version != "test" {
			t.Errorf("edge %+v", e)
		}
	}
	for _, c := range []struct {
		name        string
		spoil, heal func()
		from, to    string
		result, why string
	}{
		{"a partner's trust in another", func() { ldn.Delete("/v1/trust/certificates/FRA") }, func() { ldn.Trusts(fra) }, "LDC", "FRA", "broken", "no trusted certificate"},
		{"the other side of that edge", func() { ldn.Delete("/v1/trust/certificates/FRA") }, func() { ldn.Trusts(fra) }, "FRA", "LDC", "broken", "do not accept each other"},
		{"one side only", func() { ldn.Delete("/v1/partners/FRA") }, func() { ldn.Trusts(fra) }, "LDC", "FRA", "broken", "not the other way round"},
		{"neither side", func() { ldn.Delete("/v1/partners/FRA"); fra.Delete("/v1/partners/LDC") }, func() { ldn.Trusts(fra); fra.Trusts(ldn) }, "LDC", "FRA", "absent", ""},
		{"a wrong address", func() {
			ldn.Put("/v1/partners/FRA", wire.Partner{ClusterID: "FRA", AgentID: testkit.AgentID, Primary: []string{"127.0.0.1:1"}})
		}, func() { ldn.Trusts(fra) }, "LDC", "FRA", "broken", "127.0.0.1:1"},
		{"no management there", func() { ldn.Put("/v1/partner-profile", wire.PartnerProfile{AgentID: testkit.AgentID}) },
			func() {
				ldn.Put("/v1/partner-profile", wire.PartnerProfile{AgentID: testkit.AgentID, AllowManagement: true})
			}, "LDC", "FRA", "unknown", "allow_management"},
	} {
		c.spoil()
		e, m := edge(t, ny, c.from, c.to)
		broken := c.result == "broken"
		if e.Result != c.result || !strings.Contains(e.Reason, c.why) || m.Sound == broken {
			t.Errorf("%s: %+v, sound %t", c.name, e, m.Sound)
		}
		if code, text := command(ny, "trust", "matrix"); (code == cli.ExitCheck) != broken || !strings.Contains(text, c.result) {
			t.Errorf("%s: the command ends with %d: %s", c.name, code, text)
		}
		var v wire.Validation
		ny.Get("/v1/validate", &v)
		if found := strings.Contains(strings.Join(codes(v), " "), "error edge_broken"); found != broken {
			t.Errorf("%s: %+v", c.name, v.Findings)
		}
		c.heal()
	}
	ldn.Stop()
	if e, _ := edge(t, ny, "NYDC", "LDC"); e.Result != "broken" || e.Reachable == nil || *e.Reachable || e.Mutual != nil {
		t.Errorf("to one that is down: %+v", e)
	}
	if e, _ := edge(t, ny, "LDC", "NYDC"); e.Result != "unknown" || !strings.Contains(e.Reason, "cannot be asked") {
		t.Errorf("from one that is down: %+v", e)
	}
}

// command runs one command line against d.
func command(d *testkit.DataCenter, args ...string) (code int, text string) {
	env := map[string]string{"CONCORD_ENDPOINT": d.Endpoint, "CONCORD_TOKEN": d.Token, "CONCORD_CACERT": d.DataDir + "/ca.pem"}
	var out bytes.Buffer
	code = cli.Main(args, &out, &out, func(k string) string { return env[k] })
	return code, out.String()
}

// TestEdgesAreForPartnersThatMayManage: a partner is told nothing where the profile does not allow management, and a stranger never.
func TestEdgesAreForPartnersThatMayManage(t *testing.T) {
	d := start(t)
	cfg := stranger(t, d)
	peer(t, d, cfg, http.MethodGet, "/peer/v1/edges", "").refused(t, http.StatusForbidden, "management_not_allowed")
	d.Put("/v1/partner-profile", wire.PartnerProfile{AgentID: testkit.AgentID, AllowManagement: true})
	if got := peer(t, d, cfg, http.MethodGet, "/peer/v1/edges", ""); got.status != http.StatusOK || !strings.Contains(got.body, `"to":"FAKE"`) {
		t.Errorf("a partner: %d %s", got.status, got.body)
	}
	none := cfg.Clone()
	none.Certificates = nil
	peer(t, d, none, http.MethodGet, "/peer/v1/edges", "").refused(t, http.StatusForbidden, "untrusted_certificate")
}
