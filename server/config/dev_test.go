package config_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/server/config"
	"github.com/google/go-cmp/cmp"
)

func TestWriteDevLaysOutPortsAndAbsolutePaths(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir) // a relative folder has to come out absolute
	nodes, err := config.DevNodes("dev", []string{"NYDC", "ldc"}, 9000)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := config.WriteDev("dev", nodes); err != nil {
		t.Fatal(err)
	}
	got, err := config.ReadDev("dev")
	if err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(dir, "dev", "ldc")
	want := config.DevDataCenter{ClusterID: "ldc", AdminURL: "https://127.0.0.1:9010", RuntimeURL: "https://127.0.0.1:9011",
		PeerURL: "https://127.0.0.1:9012", TokenFile: filepath.Join(at, "data", "bootstrap.token"),
		CACertFile: filepath.Join(at, "data", "ca.pem"), ConfigFile: filepath.Join(at, "concord.hcl")}
	if len(got.DataCenters) != 2 || got.DataCenters[0].AdminURL != "https://127.0.0.1:9000" {
		t.Fatalf("got %+v", got.DataCenters)
	}
	if diff := cmp.Diff(want, got.DataCenters[1]); diff != "" {
		t.Error(diff)
	}
	n, err := config.Load(got.DataCenters[0].ConfigFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(nodes[0], n); diff != "" {
		t.Error(diff)
	}
	if n.NodeName != "nydc1" {
		t.Errorf("node name %q", n.NodeName)
	}
}

// TestDevNodesRefuses: among the rest, a cluster id that is there already in another case (part of OAM-05; CAMS-01).
//
// In part or whole also CAMS-L1.
func TestDevNodesRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ids  []string
		base int
		want string
	}{
		"same id in another case": {[]string{"NYDC", "nydc"}, 7400, "case does not count"},
		"id with a dash":          {[]string{"NY-DC"}, 7400, "no cluster id"},
		"empty id":                {[]string{"NYDC", ""}, 7400, "no cluster id"},
		"no id":                   {nil, 7400, "at least one"},
		"port beyond the last":    {[]string{"A", "B"}, 65530, "65535"},
		"no port":                 {[]string{"A"}, 0, "between 1 and"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := config.DevNodes(t.TempDir(), c.ids, c.base)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
