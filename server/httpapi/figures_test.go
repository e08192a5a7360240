package httpapi_test

import (
	"bufio"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// figures reads /metrics: series -> value.
func figures(t *testing.T, d *testkit.DataCenter) map[string]float64 {
	t.Helper()
	out := map[string]float64{}
	lines := bufio.NewScanner(strings.NewReader(admin(t, d, http.MethodGet, "/metrics", "").body))
	for lines.Scan() {
		series, value, ok := strings.Cut(lines.Text(), " ")
		if n, err := strconv.ParseFloat(value, 64); ok && err == nil && strings.HasPrefix(series, "concord_") {
			out[series] = n
		}
	}
	return out
}

// total adds up the series of a metric that hold all of these labels.
func total(all map[string]float64, metric string, labels ...string) (n float64) {
series:
	for series, value := range all {
		name, _, _ := strings.Cut(series, "{")
		if name != metric {
			continue
		}
		for _, l := range labels {
			if !strings.Contains(series, l) {
				continue series
			}
		}
		n += value
	}
	return n
}

// TestEveryFigureMoves does what each counts, and looks; none has a label that people or administrators choose.
func TestEveryFigureMoves(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	master, clone := both[0], both[1]
	testkit.Link(master, clone)
	before := figures(t, master)
	master.User("ann")
	app := master.Application("shop", shop)
	testkit.InStep(master, clone)
	b := testkit.NewBrowser(t, both...)
	b.Open(app, "ann", "wrong")
	b.Open(app, "ann", testkit.Password)
	if v := b.Open(app.Through(clone), "", ""); v.User != "ann" {
		t.Fatalf("not adopted: %+v", v)
	}
	master.Put("/v1/authorization-policies/ann-is-denied", wire.AuthorizationPolicy{Name: "ann-is-denied", Rules: []wire.Rule{{Effect: "deny", Users: []string{"ann"}}}})
	master.Put("/v1/applications/shop", wire.Application{Name: "shop", Hosts: []string{"shop.example"},
		Resources: map[string]wire.Resource{"all": {Paths: []string{"/**"}, AuthorizationPolicy: "ann-is-denied"}}})
	b.Open(app, "", "")
	after := figures(t, master)
	for _, c := range []struct {
		metric string
		labels []string
	}{
		{"concord_authz_decisions_total", []string{`result="allow"`}}, {"concord_authz_decisions_total", []string{`result="challenge"`}}, {"concord_authz_decisions_total", []string{`result="deny"`}},
		{"concord_sign_ins_total", []string{`result="ok"`}}, {"concord_sign_ins_total", []string{`result="wrong_credentials"`}},
		{"concord_peer_retrievals_total", []string{`result="found"`}}, {"concord_journal_seq", nil},
	} {
		if total(after, c.metric, c.labels...) <= total(before, c.metric, c.labels...) {
			t.Errorf("%s %v did not move: %v", c.metric, c.labels, after)
		}
	}
	for series := range after {
		for _, word := range []string{"ann", "shop", app.Secret, "example"} {
			if strings.Contains(series, word) {
				t.Errorf("the series %s holds %q", series, word)
			}
		}
	}
	if len(after) > 200 {
		t.Errorf("%d series", len(after))
	}
}

// TestTheEpochMovesWithTheMastership: roles change hands by way of standalone, and the new master begins an epoch of its
// own, which its figure shows; the configuration goes along (OAM-03, OAM-L1 in its planned form).
func TestTheEpochMovesWithTheMastership(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	old, next := both[0], both[1]
	id := testkit.Link(old, next)[0]
	old.Put("/v1/groups/staff", wire.Group{Name: "staff"})
	testkit.InStep(old, next)
	before := figures(t, next)["concord_epoch"]
	if _, err := old.Do(client.Request{Method: http.MethodDelete, Path: "/v1/replication/agreements/" + id}); err == nil {
		t.Error("an enabled agreement was deleted (OAM-53)")
	}
	if _, err := old.Do(client.Request{Method: http.MethodPatch, Path: "/v1/replication/agreements/" + id, In: map[string]any{"enabled": false}}); err != nil {
		t.Fatal(err)
	}
	old.Delete("/v1/replication/agreements/" + id)
	for _, step := range []struct {
		d    *testkit.DataCenter
		role string
	}{{old, "standalone"}, {next, "standalone"}, {next, "master"}, {old, "clone"}} {
		step.d.Put("/v1/data-center", wire.DataCenter{ClusterID: step.d.ClusterID, Role: step.role})
	}
	var v wire.AgreementView
	if _, err := next.Do(client.Request{Method: http.MethodPost, Path: "/v1/replication/agreements", Out: &v,
		In: wire.Agreement{Name: "back", Source: "LDC", Target: "NYDC", Overwrite: true}}); err != nil {
		t.Fatal(err)
	}
	next.Put("/v1/groups/more", wire.Group{Name: "more"})
	testkit.InStep(next, old)
	old.Get("/v1/groups/staff", nil)
	if after := figures(t, next)["concord_epoch"]; after <= before || figures(t, old)["concord_epoch"] != after {
		t.Errorf("the epoch was %v, is %v at the new master and %v at the old one", before, after, figures(t, old)["concord_epoch"])
	}
	if view := old.View(); view.EpochHolder != "LDC" {
		t.Errorf("the old master's epoch is held by %s", view.EpochHolder)
	}
}

// TestTheVerdictIsInTheFigures sees each figure of the verdict move, and come back.
func TestTheVerdictIsInTheFigures(t *testing.T) {
	ny, ld, _ := linked(t)
	ny.Package(wire.Package{Name: "setup", FileName: "setup.bin", Format: "raw"}, []byte("content"))
	testkit.InStep(ny, ld)
	shows := func(d *testkit.DataCenter, healthy, diverged, missing float64) {
		t.Helper()
		var got map[string]float64
		defer func() {
			if t.Failed() {
				t.Log(got)
			}
		}()
		d.Within(testkit.Limit, "the figures of "+d.ClusterID, func() bool {
			got = figures(t, d)
			return got["concord_agreement_healthy"] == healthy && got["concord_diverged"] == diverged && got["concord_blobs_missing"] == missing
		})
	}
	shows(ny, 1, 0, 0)
	shows(ld, 1, 0, 0)
	open := true
	ld.Put("/v1/data-center", wire.DataCenter{ClusterID: "LDC", Role: "clone", WriteEnabled: &open})
	ld.Put("/v1/groups/ours", wire.Group{Name: "ours"})
	shows(ld, 0, 1, 0)
	shows(ny, 0, 1, 0)
	ld.Delete("/v1/replication/divergences/group/ours")
	shows(ny, 1, 0, 0)
	ny.Stop()
	ld.Stop()
	if err := os.RemoveAll(filepath.Join(ld.DataDir, "blobs")); err != nil {
		t.Fatal(err)
	}
	ld.Start()
	ld.Within(testkit.Limit, "the content is missed", func() bool { return figures(t, ld)["concord_blobs_missing"] == 1 })
	ny.Start()
	shows(ld, 1, 0, 0)
}
