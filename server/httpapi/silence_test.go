package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// agreementAs waits for a state of the only agreement of a data center, as its status shows it.
func agreementAs(t *testing.T, d *testkit.DataCenter, what string, ok func(wire.ReplicationStatus, wire.AgreementStatus) bool) {
	t.Helper()
	var st wire.ReplicationStatus
	defer func() {
		if t.Failed() {
			t.Logf("%+v", st)
		}
	}()
	d.Within(testkit.Limit, what, func() bool {
		d.Get("/v1/replication/status", &st)
		return len(st.Agreements) == 1 && ok(st, st.Agreements[0])
	})
}

// A clone that does not answer is seen at once and not only when it has not asked for long; nothing is said of its clock, nor
// of a lag that nobody measured, as after a forced promotion, when the former master has shown nothing yet (OAM-54).
func TestCloneThatDoesNotAnswer(t *testing.T) {
	ny, ld, _ := linked(t)
	testkit.InStep(ny, ld)
	agreementAs(t, ny, "the clone follows", func(st wire.ReplicationStatus, a wire.AgreementStatus) bool {
		return st.Healthy && a.State == "ready" && a.ClockSkew != nil && a.LagSeconds != nil
	})
	ld.Within(testkit.Limit, "the clone has heard of its master", func() bool {
		var p wire.PartnerView
		ld.Get("/v1/partners/NYDC", &p)
		return p.Reachable
	})
	ny.Stop()
	if a := admin(t, ld, http.MethodPost, "/v1/data-center/promote", `{"force":true}`); a.status != http.StatusOK {
		t.Fatalf("forced promotion: %d %s", a.status, a.body)
	}
	agreementAs(t, ld, "the former master is away", func(st wire.ReplicationStatus, a wire.AgreementStatus) bool {
		return !st.Healthy && a.State == "stale" && a.ClockSkew == nil && a.LagSeconds == nil && strings.Contains(a.Reason, "NYDC has not answered since 20")
	})
	ny.Start()
	agreementAs(t, ld, "it is back", func(st wire.ReplicationStatus, a wire.AgreementStatus) bool { return st.Healthy && a.LagSeconds != nil })
	ny.Stop()
	agreementAs(t, ld, "it is away again", func(_ wire.ReplicationStatus, a wire.AgreementStatus) bool {
		return !a.Healthy && a.State == "stale" && a.LagSeconds != nil && strings.Contains(a.Reason, "NYDC has not answered since 20")
	})
}
