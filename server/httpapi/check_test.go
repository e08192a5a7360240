package httpapi_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// outcome gives "name direction" of the checks that fail.
func outcome(test wire.PartnerTest) (failed []string) {
	for _, c := range test.Checks {
		if c.Result == wire.ResultSkipped {
			failed = append(failed, c.Name+" "+c.Direction+" skipped")
		} else if c.Result != wire.ResultPass {
			failed = append(failed, c.Name+" "+c.Direction)
		}
	}
	return failed
}

// Proves MSS-09: a test of a partner goes both ways, names each step, and says pass or fail and why.
//
// In part or whole also OAM-12, and OAM-L4, OAM-44: where nobody listens at a partner's first address, what it is asked for goes to its second one.
func TestPartnerTest(t *testing.T) {
	ny, ld, _ := linked(t)
	var test wire.PartnerTest
	post(t, ny, "/v1/partners/ldc/test", &test)
	var steps []string
	for _, c := range test.Checks {
		steps = append(steps, c.Name+" "+c.Direction)
	}
	var want []string
	for _, direction := range []string{"outbound", "inbound"} {
		for _, name := range []string{"resolve", "connect", "tls", "identity", "version", "clock", "mode", "agreement"} {
			want = append(want, name+" "+direction)
		}
	}
	if test.Result != wire.ResultPass || !slices.Equal(steps, want) {
		t.Errorf("%s: %v", test.Result, test.Checks)
	}
	admin(t, ny, http.MethodPost, "/v1/partners/TDC/test", "").refused(t, http.StatusNotFound, "not_found")

	partner := wire.Partner{ClusterID: "LDC", AgentID: testkit.AgentID, Primary: []string{ld.PeerAddress}}
	with := func(change func(*wire.Partner)) func() {
		return func() { p := partner; change(&p); ny.Put("/v1/partners/LDC", p) }
	}
	for _, c := range []struct {
		name  string
		spoil func()
		heal  func()
		fails []string
		says  string
	}{
		{"name not known", with(func(p *wire.Partner) { p.Primary = []string{"no-such-host.invalid:7402"} }), with(func(*wire.Partner) {}), []string{"resolve outbound", "connect inbound"}, "no-such-host.invalid"},
		{"nobody listens", with(func(p *wire.Partner) { p.Primary = []string{"127.0.0.1:1"} }), with(func(*wire.Partner) {}), []string{"connect outbound", "connect inbound"}, "refused"},
		{"the second address works", with(func(p *wire.Partner) { p.Primary, p.Secondary = []string{"127.0.0.1:1"}, []string{ld.PeerAddress} }), with(func(*wire.Partner) {}), nil, "not at 127.0.0.1:1"},
		{"another data center answers", with(func(p *wire.Partner) { p.Primary = []string{ny.PeerAddress} }), with(func(*wire.Partner) {}), []string{"identity outbound", "connect inbound"}, ""},
		{"wrong agent id", with(func(p *wire.Partner) { p.AgentID = "somebody" }), with(func(*wire.Partner) {}), []string{"identity outbound", "connect inbound"}, "wrong_agent_id"},
		{"no trust here", func() { ny.Delete("/v1/trust/certificates/LDC") }, func() { ny.Trusts(ld) }, []string{"identity outbound", "connect inbound"}, "not issued under"},
		{"no trust there", func() { ld.Delete("/v1/trust/certificates/NYDC") }, func() { ld.Trusts(ny) }, []string{"identity outbound", "connect inbound"}, "does not accept NYDC"},
		{"no management there", func() { ld.Put("/v1/partner-profile", wire.PartnerProfile{AgentID: testkit.AgentID}) },
			func() {
				ld.Put("/v1/partner-profile", wire.PartnerProfile{AgentID: testkit.AgentID, AllowManagement: true})
			}, []string{"connect inbound skipped"}, "allow_management"},
		{"the way back is wrong", func() {
			ld.Put("/v1/partners/NYDC", wire.Partner{ClusterID: "NYDC", AgentID: testkit.AgentID, Primary: []string{"127.0.0.1:1"}})
		}, func() { ld.Trusts(ny) }, []string{"connect inbound"}, "127.0.0.1:1"},
	} {
		c.spoil()
		post(t, ny, "/v1/partners/LDC/test", &test)
		failed := outcome(test)
		if !slices.Equal(failed, c.fails) || (test.Result == wire.ResultPass) != !slices.ContainsFunc(c.fails, func(f string) bool { return !strings.HasSuffix(f, " skipped") }) {
			t.Errorf("%s: %v fail: %+v", c.name, failed, test.Checks)
		}
		if !slices.ContainsFunc(test.Checks, func(k wire.PartnerCheck) bool { return strings.Contains(k.Detail, c.says) }) {
			t.Errorf("%s: nothing says %q: %+v", c.name, c.says, test.Checks)
		}
		c.heal()
	}
	if post(t, ny, "/v1/partners/LDC/test", &test); test.Result != wire.ResultPass {
		t.Errorf("after all was put right: %+v", test.Checks)
	}
}

func codes(v wire.Validation) (out []string) {
	for _, f := range v.Findings {
		out = append(out, f.Severity+" "+f.Code)
	}
	return out
}

// Proves OAM-07: validation finds nothing in a sound pair, and names what is wrong with an edge or an object, with a hint.
func TestValidate(t *testing.T) {
	ny, ld, id := linked(t)
	var v wire.Validation
	for _, d := range []*testkit.DataCenter{ny, ld} {
		if d.Get("/v1/validate", &v); v.Result != wire.ResultPass || len(v.Findings) > 0 || v.ID != d.ClusterID {
			t.Errorf("a sound %s: %+v", d.ClusterID, v)
		}
	}
	has := func(d *testkit.DataCenter, result string, want ...string) {
		t.Helper()
		d.Get("/v1/validate", &v)
		for _, w := range want {
			if !slices.Contains(codes(v), w) {
				t.Errorf("%s is not found: %+v", w, v.Findings)
			}
		}
		if v.Result != result {
			t.Errorf("result %s: %+v", v.Result, v.Findings)
		}
		for _, f := range v.Findings {
			if f.Subject == "" || f.Detail == "" || f.Hint == "" {
				t.Errorf("finding %+v says too little", f)
			}
		}
	}
	admin(t, ny, http.MethodPatch, "/v1/replication/agreements/"+id, `{"enabled":false}`)
	has(ny, wire.ResultPass, "warning agreement_disabled")
	ld.Put("/v1/partner-profile", wire.PartnerProfile{AgentID: "another"})
	has(ny, wire.ResultFail, "error wrong_agent_id", "warning management_not_allowed")
	ld.Delete("/v1/trust/certificates/NYDC")
	has(ny, wire.ResultFail, "error not_mutual")
	ld.Stop()
	has(ny, wire.ResultFail, "error partner_unreachable")
	ny.Delete("/v1/trust/certificates/LDC")
	has(ny, wire.ResultFail, "error no_trust")

	damage(t, ny, "data_center\x00default", `{"cluster_id":"NYDC","role":"master","security_mode":"cert"}`) // as an older version wrote it
	has(ny, wire.ResultFail, "warning missing_default")
	post(t, ny, "/v1/validate", &v)
	if !slices.Equal(v.Repaired, []string{"data_center/default"}) || slices.Contains(codes(v), "warning missing_default") {
		t.Errorf("repaired %v: %+v", v.Repaired, v.Findings)
	}
	damage(t, ny, "data_center\x00default", `{"cluster_id":"NYDC","role":"emperor","security_mode":"cert","lock_timeout":"3m"}`)
	has(ny, wire.ResultFail, "error invalid_object")
}
