package provider_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

func yes() tftypes.Value { return tftypes.NewValue(tftypes.Bool, true) }

// expect invokes an action and wants words in what it tells, and in what it ends with; "" wants no diagnostic.
func (p *protocol) expect(name string, config map[string]tftypes.Value, told, ends string) {
	p.t.Helper()
	messages, diags := p.invoke(name, config)
	if all := strings.Join(messages, "\n"); !strings.Contains(all, told) {
		p.t.Errorf("%s told %q, want %q", name, all, told)
	}
	if got := says(diags); (ends == "") != (len(diags) == 0) || !strings.Contains(got, ends) {
		p.t.Errorf("%s ended with %q, want %q", name, got, ends)
	}
}

// OAM-L1, SEC-50, FLT-18: the actions promote there and back without loss, refuse at the wrong data center and without a master that
// hands over, and by force say what may be lost.
func TestActionsChangeTheMaster(t *testing.T) {
	t.Parallel()
	ny, ldc := twoSites(t)
	testkit.Link(ny.DataCenter, ldc.DataCenter)
	testkit.InStep(ny.DataCenter, ldc.DataCenter)
	atNY, atLDC := ny.speak(nil), ldc.speak(nil)
	atNY.expect("concord_promote", map[string]tftypes.Value{"cluster_id": text("LDC")}, "", "the data center NYDC")
	atNY.expect("concord_promote", nil, "NYDC is a master already", "")
	atNY.expect("concord_demote", map[string]tftypes.Value{"to": text("Elsewhere")}, "NYDC (master, epoch 1", "no clone Elsewhere")
	atLDC.expect("concord_promote", map[string]tftypes.Value{"wait": text("2m")}, "", "not between 1ms and 1m")
	atLDC.expect("concord_promote", map[string]tftypes.Value{"cluster_id": text("ldc"), "wait": text("20s")}, "LDC is the master now in the place of NYDC, in epoch 2", "")
	if ldc.View().Role != "master" {
		t.Fatalf("LDC is %s", ldc.View().Role)
	}
	ny.Follows(ldc.DataCenter)
	testkit.InStep(ny.DataCenter, ldc.DataCenter)
	atLDC.expect("concord_demote", map[string]tftypes.Value{"to": text("nydc")}, "NYDC is the master now in the place of LDC", "")
	testkit.InStep(ny.DataCenter, ldc.DataCenter)
	ny.Stop()
	atLDC.expect("concord_promote", nil, "LDC (clone, epoch 3", "with force")
	atLDC.expect("concord_promote", map[string]tftypes.Value{"force": yes()}, "LDC is the master now", "WARNING: Changes may be lost")
}

// OAM-54: the action makes a clone ask, from either side, and names the agreements that there are where it was given none of them. A
// clone whose master is away is an error.
func TestActionPulls(t *testing.T) {
	t.Parallel()
	ny, ldc := twoSites(t)
	id := testkit.Link(ny.DataCenter, ldc.DataCenter)[0]
	testkit.InStep(ny.DataCenter, ldc.DataCenter)
	var a wire.AgreementView
	ny.Get("/v1/replication/agreements/"+id, &a)
	atNY, atLDC := ny.speak(nil), ldc.speak(nil)
	atNY.expect("concord_pull", map[string]tftypes.Value{"agreement": text(a.Name)}, "LDC is ready", "")
	atLDC.expect("concord_pull", map[string]tftypes.Value{"agreement": text(id)}, "LDC is to ask NYDC now", "")
	atNY.expect("concord_pull", map[string]tftypes.Value{"agreement": text("none")}, "", id)
	ny.Stop()
	atLDC.expect("concord_pull", map[string]tftypes.Value{"agreement": text(id)}, "LDC is to ask NYDC now", "ERROR")
}

// The action tells of every step in both directions, and fails where one fails, or warns where that was asked for.
func TestActionTestsAPartner(t *testing.T) {
	t.Parallel()
	ny, ldc := twoSites(t)
	testkit.Link(ny.DataCenter, ldc.DataCenter)
	p := ny.speak(nil)
	partner := func(more map[string]tftypes.Value) map[string]tftypes.Value {
		out := map[string]tftypes.Value{"cluster_id": text("LDC")}
		for name, v := range more {
			out[name] = v
		}
		return out
	}
	p.expect("concord_test_partner", partner(nil), "inbound tls: pass", "")
	p.expect("concord_test_partner", map[string]tftypes.Value{"cluster_id": text("Nowhere")}, "", `Cannot test partner "Nowhere"`)
	ldc.Stop()
	p.expect("concord_test_partner", partner(nil), "outbound connect: fail", "ERROR: The test of LDC failed")
	p.expect("concord_test_partner", partner(map[string]tftypes.Value{"required": tftypes.NewValue(tftypes.Bool, false)}), "outbound connect: fail", "WARNING: The test of LDC failed")
}

// TestActionsWaitForTheirProvider: while the provider block is not known, a Terraform that can put an action off is asked to, and one
// that invokes it is told what to do.
func TestActionsWaitForTheirProvider(t *testing.T) {
	t.Parallel()
	s, _ := start(t)
	p := s.speak(map[string]tftypes.Value{"endpoint": tftypes.NewValue(tftypes.String, tftypes.UnknownValue)})
	p.expect("concord_demote", nil, "", "not configured yet")
	r, err := p.ProviderServer.(tfprotov6.ActionServer).PlanAction(t.Context(), &tfprotov6.PlanActionRequest{ActionType: "concord_demote",
		Config: objectOf(t, p.schemas.ActionSchemas["concord_demote"].Schema, nil), ClientCapabilities: &tfprotov6.PlanActionClientCapabilities{DeferralAllowed: true}})
	if err != nil || r.Deferred == nil {
		t.Errorf("not put off: %+v, %v", r, err)
	}
}
