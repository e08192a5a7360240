package app_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// TestARootRotatesUnderLoad: FLT-21. Sessions go over between two data centers in both directions without a pause while first one
// and then the other replaces its root. No request fails, no partner has to be registered anew, and at the end each is
// believed by the new roots alone.
func TestARootRotatesUnderLoad(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	ny, ld := both[0], both[1]
	testkit.Link(ny, ld)
	ny.User("ann")
	ny.User("bob")
	desk := ny.Application("desk", "https://desk.example")
	testkit.InStep(both...)
	loads := testkit.Adoptions{testkit.Adopt(ny, ld, desk, "ann"), testkit.Adopt(ld, ny, desk, "bob")}
	for _, d := range both {
		was := d.Rotation().Roots[0].FingerprintSHA256
		loads.More(2)
		d.RotateAll(func(string) { loads.More(2) })
		now := d.Rotation()
		if now.Phase != "stable" || len(now.Roots) != 1 || now.Roots[0].FingerprintSHA256 == was {
			t.Errorf("%s: %+v", d.ClusterID, now)
		}
	}
	loads.More(2)
	if rounds, failed := loads.Stop(); failed > 0 {
		t.Errorf("%d of %d adoptions failed", failed, rounds)
	}
	believed(t, ny.Fresh(), ld.Fresh())
	believed(t, ld.Fresh(), ny.Fresh())
	testkit.InStep(ny.Fresh(), ld.Fresh())
}

// believed checks that d believes other by its present root and by no former one.
func believed(t *testing.T, d, other *testkit.DataCenter) {
	t.Helper()
	root := other.Rotation().Roots[0].FingerprintSHA256
	var v wire.PartnerTrust
	d.Within(testkit.Limit, d.ClusterID+" has the last bundle of "+other.ClusterID, func() bool {
		d.Get("/v1/partners/"+other.ClusterID+"/trust", &v)
		return v.LastError == "" && len(v.Roots) > 0 && v.Sequence == bundle(other).Sequence
	})
	for _, r := range v.Roots {
		if counts := r.Source != wire.RootRetired; counts != (r.FingerprintSHA256 == root) {
			t.Errorf("%s believes %s by %s (%s); its root is %s", d.ClusterID, other.ClusterID, r.FingerprintSHA256, r.Source, root)
		}
	}
}

func bundle(d *testkit.DataCenter) (v wire.TrustBundle) {
	d.Get("/v1/trust/bundle", &v)
	return v
}

// TestARotationWaitsForPartners: FLT-21. A partner that is down keeps the next step from being made, by name; a restart of the
// data center in between forgets nothing; the partner comes back and acknowledges by itself; and with force the answer names
// it, it is cut off when the former root is retired, and declaring the new root brings it back.
func TestARotationWaitsForPartners(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	ny, ld := both[0], both[1]
	testkit.Link(ny, ld)
	ny.Within(testkit.Limit, "LDC has the first bundle", func() bool { return ny.Rotation().Partners[0].AcknowledgedSequence == 1 })
	ld.Stop()
	if _, err := ny.Rotate("publish", false); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := ny.Rotate("switch", false); fault.CodeOf(err) != "rotation_not_acknowledged" || !strings.Contains(fmt.Sprint(err), "LDC") {
			t.Errorf("switch without LDC: %v", err)
		}
		if r := ny.Rotation(); r.Phase != "published" || r.Ready || len(r.WaitingFor) != 1 || r.Partners[0].AcknowledgedSequence != 1 {
			t.Errorf("%+v", r)
		}
		ny.Stop()
		ny.Start()
	}
	ld.Start()
	ny.Within(testkit.Limit, "LDC has the second bundle", func() bool { return ny.Rotation().Ready })
	ld.Stop()
	for _, step := range []string{"switch", "retire"} { // LDC has both roots: nobody is cut off although it is down
		if out, err := ny.Rotate(step, false); err != nil || len(out.CutOff) != 0 {
			t.Fatalf("%s: %+v, %v", step, out, err)
		}
	}
	ld.Start()
	believed(t, ld, ny.Fresh())
	ld.Stop()
	forced(t, ny, ld)
}

// forced replaces the root of ny over the head of ld, which is down: first up to the switch, after which what ld knows still
// leads to ny's leaves and it catches up; then to the end, after which it is cut off until it declares the new root.
func forced(t *testing.T, ny, ld *testkit.DataCenter) {
	t.Helper()
	over := func(step string, cutOff bool) {
		t.Helper()
		if out, err := ny.Rotate(step, true); err != nil || (len(out.CutOff) == 1 && out.CutOff[0] == "LDC") != cutOff {
			t.Fatalf("%s with force: cut off %v, %v", step, out.CutOff, err)
		}
	}
	over("publish", false)
	over("switch", true)
	ld.Start()
	ny.Within(testkit.Limit, "LDC has caught up", func() bool { return ny.Rotation().Ready })
	over("retire", false)
	believed(t, ld, ny.Fresh())
	ld.Stop()
	over("publish", false)
	over("switch", true)
	over("retire", true)
	ld.Start()
	refreshes(ld, ny, false)
	ld.Trusts(ny.Fresh())
	refreshes(ld, ny, true)
	believed(t, ld, ny.Fresh())
	testkit.InStep(ny.Fresh(), ld)
}

// refreshes waits until ld can ask ny for its bundle, or says that it cannot.
func refreshes(ld, ny *testkit.DataCenter, want bool) {
	ld.Within(testkit.Limit, fmt.Sprintf("LDC refreshes: %t", want), func() bool {
		var v wire.PartnerTrust
		ld.Get("/v1/partners/"+ny.ClusterID+"/trust", &v)
		return want && v.LastRefresh != nil && v.LastError == "" || !want && v.LastError != ""
	})
}
