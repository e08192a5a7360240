package five_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// TestFiveDataCenters: one apply from nothing to a replicated topology of five data centers and one destroy back, one
// operation at a time and fifty, with an empty plan after each apply; a promotion moves agreements and changes nothing else
// (OAM-02, OAM-39, OAM-50, OAM-55, OAM-L1, OAM-L7).
func TestFiveDataCenters(t *testing.T) {
	t.Parallel()
	sites := testkit.Start(t, "A", "B", "C", "D", "E")
	tf := example(t, sites)
	for _, parallelism := range []string{"-parallelism=50", "-parallelism=1"} {
		tf.Must("apply", "-auto-approve", parallelism, "-no-color")
		planIsEmpty(t, tf)
		replicated(t, sites[0], sites)
		if parallelism == "-parallelism=1" {
			if _, err := sites[1].Do(client.Request{Method: http.MethodPost, Path: "/v1/data-center/promote", In: struct{}{}, Timeout: time.Minute}); err != nil {
				t.Fatal(err)
			}
			promoted(t, tf)
			planIsEmpty(t, tf)
			replicated(t, sites[1], sites)
		}
		tf.Must("destroy", "-auto-approve", parallelism, "-no-color")
		bare(t, sites)
	}
}

// example copies the configuration and its module to where state may lie, and initializes it.
func example(t *testing.T, sites []*testkit.DataCenter) *testkit.Terraform {
	t.Helper()
	dir := t.TempDir()
	tf := testkit.NewTerraform(t, filepath.Join(dir, "five-data-centers"))
	for _, folder := range []string{"five-data-centers", "modules/data-center"} {
		if err := os.CopyFS(filepath.Join(dir, folder), os.DirFS(filepath.Join("..", folder))); err != nil {
			t.Fatal(err)
		}
	}
	plugins, err := testkit.BuildProvider(dir)
	if err != nil {
		t.Fatal(err)
	}
	tf.Env = append(tf.Env, "TF_VAR_dev_json="+testkit.Inventory(t, sites...))
	tf.Must("init", "-plugin-dir="+plugins, "-no-color")
	return tf
}

func planIsEmpty(t *testing.T, tf *testkit.Terraform) {
	t.Helper()
	if out, code := tf.Run("plan", "-detailed-exitcode", "-no-color"); code != 0 {
		t.Fatalf("the plan after an apply is not empty (exit code %d):\n%s", code, out)
	}
}

// promoted writes what the README says to write after B was promoted, and applies it.
func promoted(t *testing.T, tf *testkit.Terraform) {
	t.Helper()
	file := filepath.Join(tf.Dir, "main.tf")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("master = local.a.cluster_id", "master = local.b.cluster_id", "provider           = concord.a", "provider           = concord.b",
		"provider = concord.a", "provider = concord.b", "module.a.replicated", "module.b.replicated").Replace(string(b))
	if err := os.WriteFile(file, []byte(text+moved(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := tf.Must("apply", "-auto-approve", "-no-color"); !strings.Contains(out, "0 added, 0 changed, 0 destroyed") {
		t.Fatalf("a promotion that is written down changes something:\n%s", out)
	}
}

// moved are the blocks of the README.
func moved(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(b), "```hcl\nmoved {")
	text, _, found := strings.Cut(text, "```")
	if !found {
		t.Fatal("the README has no block that begins with moved")
	}
	return "moved {" + text
}

// replicated fails unless every data center has the master's state, its role and four partners.
func replicated(t *testing.T, master *testkit.DataCenter, all []*testkit.DataCenter) {
	t.Helper()
	var got wire.DataCenterView
	want := master.View()
	for _, d := range all {
		d.Within(time.Minute, "in step with the master", func() bool {
			got = d.View()
			return got.Digest == want.Digest && got.LastSequence == want.LastSequence
		})
		if role := map[bool]string{true: "master", false: "clone"}[d == master]; got.Role != role || got.State != "replication_ready" {
			t.Errorf("%s is %s, %s", d.ClusterID, got.Role, got.State)
		}
		if n := count[wire.PartnerView](t, d, "/v1/partners"); n != len(all)-1 {
			t.Errorf("%s has %d partners", d.ClusterID, n)
		}
		if n := count[wire.GroupView](t, d, "/v1/groups"); n != 1 {
			t.Errorf("%s has %d groups", d.ClusterID, n)
		}
	}
}

// bare fails unless the data centers are as they were before the apply.
func bare(t *testing.T, all []*testkit.DataCenter) {
	t.Helper()
	for _, d := range all {
		v := d.View()
		left := count[wire.PartnerView](t, d, "/v1/partners") + count[wire.TrustedCertificateView](t, d, "/v1/trust/certificates") +
			count[wire.AgreementView](t, d, "/v1/replication/agreements") + count[wire.GroupView](t, d, "/v1/groups")
		if v.Role != "standalone" || left != 0 {
			t.Errorf("%s is %s, with %d objects left", d.ClusterID, v.Role, left)
		}
	}
}

func count[V any](t *testing.T, d *testkit.DataCenter, path string) int {
	t.Helper()
	all, err := client.All[V](t.Context(), d.Admin(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}
