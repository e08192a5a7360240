package topology_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/configuration"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/topology"
)

func actor() configuration.Actor           { return configuration.Actor{Name: "test", Rights: mdc.EveryRight()} }
func anyState() configuration.Precondition { return configuration.Precondition{} }

// Proves OAM-02, OAM-03, OAM-06 and MSS-01: alone is the default, and which role may follow which.
func TestRoleChanges(t *testing.T) {
	w := newWorld(t)
	ny := w.site("NYDC")
	for _, step := range []struct{ to, code string }{
		{mdc.RoleStandalone, ""}, {mdc.RoleMaster, ""}, {mdc.RoleMaster, ""}, {mdc.RoleClone, "role_change"},
		{mdc.RoleStandalone, ""}, {mdc.RoleClone, ""}, {mdc.RoleMaster, "role_change"}, {mdc.RoleStandalone, ""}, {"owner", "invalid_input"},
	} {
		wantCode(t, ny.role(step.to), step.code)
	}
}

// Proves OAM-56: a data center leaves its role only after its agreements.
func TestRoleInAgreement(t *testing.T) {
	w := newWorld(t)
	ny, ld := w.site("NYDC"), w.site("LDC")
	w.linked(ny, ld)
	_, err := ny.create(agreement("x", "NYDC", "LDC"))
	must(t, err)
	wantCode(t, ny.role(mdc.RoleStandalone), "in_agreement")
	wantCode(t, ld.role(mdc.RoleStandalone), "in_agreement")
	wantCode(t, ld.service.Delete(t.Context(), actor(), mdc.DataCenterKind(), mdc.SingletonName, anyState()), "in_agreement")
}

// Proves OAM-05: the wrong provider alias is found out, and a duplicate cluster id refused without regard to case.
func TestIdentity(t *testing.T) {
	w := newWorld(t)
	ny := w.site("NYDC")
	err := ny.put(&mdc.DataCenter{ClusterID: "LDC", Role: mdc.RoleMaster, SecurityMode: mdc.ModeCert, LockTimeout: mdc.Duration(mdc.DefaultLockTimeout)}, mdc.DataCenterKind())
	wantCode(t, err, "wrong_data_center")
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind != fault.Invalid || len(f.Fields) != 1 || f.Fields[0].Pointer != "/cluster_id" {
		t.Errorf("fault %+v", f)
	}
	for _, id := range []string{"NYDC", "nydc", "NyDc"} {
		wantCode(t, ny.partner(id), "duplicate_cluster_id")
	}
	must(t, ny.partner("LDC"))
}

// Proves MSS-08 and OAM-44 (reachability, certificate expiry), and that listeners learn of a partner's return.
//
// In part or whole also OAM-40.
func TestPartners(t *testing.T) {
	w := newWorld(t)
	ny, ld := w.site("NYDC"), w.site("LDC")
	must(t, ny.partner("LDC"))
	eventually(t, "a first question", func() bool { return !ny.partners.State("LDC").LastErrorAt.IsZero() })
	if st := ny.partners.State("ldc"); st.Reachable || st.LastError == "" || !st.CertificateExpiresAt.IsZero() {
		t.Errorf("a partner that does not know us: %+v", st)
	}
	must(t, ld.partner("NYDC"))
	if st := ny.partners.Probe(t.Context(), "LDC"); !st.Reachable || st.Hello.ClusterID != "LDC" || st.CertificateExpiresAt.Year() != 2030 || st.Skew.Abs() > time.Minute {
		t.Errorf("state %+v", st)
	}
	if id := <-ny.returned; id != "LDC" {
		t.Errorf("%s returned", id)
	}
	w.set(w.cut, "NYDC>LDC", true)
	if st := ny.partners.Probe(t.Context(), "LDC"); st.Reachable || st.CertificateExpiresAt.IsZero() {
		t.Errorf("cut off: %+v", st)
	}
	w.set(w.cut, "NYDC>LDC", false)
	eventually(t, "its return", func() bool { return ny.partners.State("LDC").Reachable })
	<-ny.returned
	must(t, ny.service.Delete(t.Context(), actor(), mdc.PartnerKind(), "LDC", anyState()))
	eventually(t, "it is forgotten", func() bool { return ny.partners.State("LDC").Hello.ClusterID == "" })
	if got := ny.partners.MasterAddress(); got != "" {
		t.Errorf("a data center without a master names %q", got)
	}
}

// Proves that bad wiring is refused at start.
func TestWiring(t *testing.T) {
	if _, err := topology.NewAgreements(topology.AgreementsConfig{}); err == nil {
		t.Error("agreements without anything were made")
	}
	hello := func(context.Context, string) (topology.Hello, error) { return topology.Hello{}, nil }
	if _, err := topology.NewPartners(topology.PartnersConfig{Hello: hello, Clock: clock.System{}}); err == nil {
		t.Error("partners without a log were made")
	}
}
