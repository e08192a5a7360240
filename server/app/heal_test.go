package app_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

func get(p *testkit.Process, path string, out any) error {
	_, err := p.Do(client.Request{Method: http.MethodGet, Path: path, Out: out})
	return err
}

func conflictFiles(t *testing.T, p *testkit.Process) int {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(p.DataDir, "conflicts", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

// A clone whose store went back to an older state takes a new copy by itself, and is not ready before it has it; where something
// that only the clone had was lost too, it refuses to start and says so. Proves FLT-07.
func TestCloneHealsItself(t *testing.T) {
	both := linked(t, "NYDC", "LDC")
	ny, ld := both[0], both[1]
	for i := range 20 {
		ny.Put(fmt.Sprint("/v1/groups/before", i), wire.Group{Name: fmt.Sprint("before", i)})
	}
	testkit.InStep(centers(both)...)
	state, older := filepath.Join(ld.DataDir, "state"), filepath.Join(t.TempDir(), "older")
	goBack := func() {
		remove(t, state)
		keep(t, older, state)
	}
	ld.Kill()
	keep(t, state, older)
	ld.Start()
	ny.Delete("/v1/groups/before0")
	ny.Put("/v1/groups/after", wire.Group{Name: "after"})
	_, digest := testkit.InStep(centers(both)...)
	local := ld.View()
	ld.Kill()
	ny.Kill() // nobody to copy from: nothing of the old state may count
	goBack()
	ld.Launch()
	ld.Within(testkit.Limit, "the clone knows that it lost something", func() bool {
		return strings.Contains(ld.Log(), "a new copy is taken from the master")
	})
	var groups wire.Page[wire.GroupView]
	ld.Within(testkit.Limit, "the clone answers", func() bool { return get(ld, "/v1/groups", &groups) == nil })
	if len(groups.Items) != 0 {
		t.Errorf("a copy that lost changes is served: %+v", groups.Items)
	}
	if err := get(ld, "/v1/ready", nil); err == nil {
		t.Error("a clone that lost its copy says that it is ready")
	}
	ny.Start()
	ld.WaitReady()
	if _, healed := testkit.InStep(centers(both)...); healed != digest {
		t.Errorf("digest %s after the healing, want %s", healed, digest)
	}
	if v := ld.View(); v.PeerURL != local.PeerURL || v.Role != "clone" || v.State != "replication_ready" {
		t.Errorf("the clone is %+v", v)
	}
	ld.Kill()
	ld.Start() // once is enough
	if n := strings.Count(ld.Log(), "a new copy is taken from the master"); n != 1 {
		t.Errorf("it healed %d times", n)
	}

	ld.Put("/v1/locks/group/after", wire.LockRequest{Owner: "test"}) // no object: nothing to lose
	ld.Put("/v1/partners/NYDC", wire.Partner{ClusterID: "NYDC", AgentID: testkit.AgentID, Primary: []string{ny.PeerAddress}})
	ld.Kill()
	goBack()
	before := conflictFiles(t, ld)
	refusesToStart(t, ld, "only this data center had", "Restore a backup")
	if after := conflictFiles(t, ld); after != before {
		t.Errorf("a refused start left %d conflict files, there were %d", after, before)
	}
}
