package config_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/config"
	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// good is a whole file; each fault case changes one place of it.
const good = `cluster_id = "NYDC"
node_name  = "ny1"
data_dir   = "data"
leave_time = "5s"
listener "admin" {
  address = "127.0.0.1:7400"
}
listener "runtime" {
  address   = "0.0.0.0:7401"
  advertise = "ny.example.com:443"
  tls {
    disabled = true
  }
}
listener "peer" {
  address = "127.0.0.1:7402"
}

store "badger" {}
ca "embedded" {
  leaf_ttl = "12h"
}
log {
  level  = "warn"
  format = "text"
}
journal {
  keep_records = 5000
  keep_for     = "48h"
}
audit {
  keep_records = 200000
  keep_for     = "720h"
  decisions    = "sampled"
  sample       = 50
}
`

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "concord.hcl")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func want(path string) *config.Node {
	return &config.Node{
		ClusterID: "NYDC", NodeName: "ny1", DataDir: filepath.Join(filepath.Dir(path), "data"),
		Admin:   config.Listener{Address: "127.0.0.1:7400", Advertise: "127.0.0.1:7400"},
		Runtime: config.Listener{Address: "0.0.0.0:7401", Advertise: "ny.example.com:443", TLS: config.TLS{Disabled: true}},
		Peer:    config.Listener{Address: "127.0.0.1:7402", Advertise: "127.0.0.1:7402"},
		LeafTTL: 12 * time.Hour, LeaveTime: 5 * time.Second, Log: config.Log{Level: slog.LevelWarn, Format: "text"},
		Journal: config.Journal{KeepRecords: 5000, KeepFor: 48 * time.Hour},
		Audit:   config.Audit{KeepRecords: 200_000, KeepFor: 720 * time.Hour, Decisions: "sampled", Sample: 50},
	}
}

func TestLoadReadsEveryKey(t *testing.T) {
	t.Parallel()
	path := write(t, good)
	got, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want(path), got); diff != "" {
		t.Error(diff)
	}
	if got.CAFile() != filepath.Join(got.DataDir, "ca.pem") || got.TokenFile() != filepath.Join(got.DataDir, "bootstrap.token") {
		t.Errorf("files: %s, %s", got.CAFile(), got.TokenFile())
	}
}

func TestLoadFillsDefaults(t *testing.T) {
	t.Parallel()
	text, _, _ := strings.Cut(good, "store ")
	n, err := config.Load(write(t, strings.Replace(text, "leave_time = \"5s\"", "", 1)))
	if err != nil {
		t.Fatal(err)
	}
	d := config.Defaults()
	if n.LeafTTL != d.LeafTTL || n.LeaveTime != time.Second || n.Log != d.Log || n.Journal != (config.Journal{KeepRecords: 100_000, KeepFor: 7 * 24 * time.Hour}) || n.AllowOpen ||
		n.Audit != (config.Audit{KeepRecords: 1_000_000, Decisions: "aggregated", Sample: 1000}) {
		t.Errorf("defaults: %+v", n)
	}
}

func TestLoadSaysEachFaultWithItsPlace(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name     string
		old, new string
		want     string // place and summary, as the error starts
		detail   string // part of what would be right
	}{
		{"unknown key", `node_name  = "ny1"`, "node_name  = \"ny1\"\nnodename = \"x\"", `3,1: Unsupported argument`, `"nodename"`},
		{"unknown block", `store "badger" {}`, "storage {}", `19,1: Unsupported block type`, `"storage"`},
		{"unknown key in a listener", `address = "127.0.0.1:7400"`, "address = \"127.0.0.1:7400\"\n  port = 1", `7,3: Unsupported argument`, `"port"`},
		{"unknown key in a store", `store "badger" {}`, "store \"badger\" {\n  dir = \"x\"\n}", `20,3: Unsupported argument`, `"dir"`},
		{"no cluster id", `cluster_id = "NYDC"`, ``, `1,1: Missing required argument`, `"cluster_id"`},
		{"cluster id with a dash", `"NYDC"`, `"NY-DC"`, `1,14: Invalid cluster_id`, `letters and digits`},
		{"node name that starts with a digit", `"ny1"`, `"1ny"`, `2,14: Invalid node_name`, `starting with a letter`},
		{"number for a name", `"ny1"`, `5`, `2,14: Wrong type`, `string`},
		{"null for a name", `"ny1"`, `null`, `2,14: Wrong type`, `string`},
		{"a variable", `"ny1"`, `var.name`, `2,14: Variables not allowed`, ``},
		{"empty folder", `"data"`, `""`, `3,14: Empty value`, `such as "/var/lib/concord"`},
		{"leave time without unit", `"5s"`, `"5"`, `4,14: Invalid duration`, `unit`},
		{"leave time beyond all patience", `"5s"`, `"6m"`, `4,14: Duration out of range`, `between 0s and 5m`},
		{"string for a truth", `data_dir   = "data"`, "data_dir   = \"data\"\nallow_open = \"yes\"", `4,14: Wrong type`, `bool`},
		{"no label", `listener "admin"`, `listener`, `5,10: Missing name for listener`, ``},
		{"unknown listener", `listener "admin"`, `listener "console"`, `5,10: Unknown listener`, `admin, runtime, peer`},
		{"repeated listener", `listener "peer"`, `listener "admin"`, `15,1: Repeated listener`, `line 5`},
		{"listener without address", `address = "127.0.0.1:7402"`, ``, `15,17: Missing required argument`, `"address"`},
		{"address without port", `"127.0.0.1:7400"`, `"127.0.0.1"`, `6,13: Invalid address`, `host:port`},
		{"port out of range", `"127.0.0.1:7400"`, `"127.0.0.1:70000"`, `6,13: Invalid address`, `between 1 and 65535`},
		{"same address twice", `"127.0.0.1:7402"`, `"127.0.0.1:7400"`, `16,13: Address used twice`, `"admin" on line 6`},
		{"same port on every address", `"127.0.0.1:7402"`, `"127.0.0.1:7401"`, `16,13: Address used twice`, `"runtime" on line 9`},
		{"every address, none advertised", `advertise = "ny.example.com:443"`, ``, `9,15: Missing advertise`, `host:port`},
		{"advertises every address", `"ny.example.com:443"`, `"0.0.0.0:443"`, `10,15: Invalid address`, `another machine`},
		{"TLS without a key", `disabled = true`, `cert_file = "web.pem"`, `11,3: Half a key pair`, `key_file`},
		{"TLS off, with a file", `disabled = true`, "disabled = true\n    client_ca_file = \"x\"", `12,16: Contradiction`, `disabled`},
		{"certificate that is not there", `disabled = true`, "cert_file = \"web.pem\"\n    key_file = \"web.key\"", `12,17: Unusable certificate`, `no such file`},
		{"client CA that is not there", `disabled = true`, `client_ca_file = "ca.pem"`, `12,22: Unreadable file`, `no such file`},
		{"client CA without a certificate", `disabled = true`, `client_ca_file = "concord.hcl"`, `12,22: No certificate`, `PEM`},
		{"peer listener without TLS", `"127.0.0.1:7402"`, "\"127.0.0.1:7402\"\n  tls { disabled = true }", `17,20: Refused`, `allow_open`},
		{"client CA of the peer listener", `"127.0.0.1:7402"`, "\"127.0.0.1:7402\"\n  tls { client_ca_file = \"ca.pem\" }", `17,26: Refused`, `declared as trusted`},
		{"etcd without endpoints", `store "badger" {}`, `store "etcd" {}`, `19,14: Missing required argument`, `"endpoints"`},
		{"etcd nowhere", `store "badger" {}`, "store \"etcd\" {\n  endpoints = []\n}", `20,15: Wrong type`, `1 to 16 URLs`},
		{"etcd at no URL", `store "badger" {}`, "store \"etcd\" {\n  endpoints = [\"etcd1:2379\"]\n}", `20,15: Invalid endpoint`, `"etcd1:2379"`},
		{"etcd in clear", `store "badger" {}`, "store \"etcd\" {\n  endpoints = [\"http://etcd1:2379\"]\n}", `20,15: Endpoint without TLS`, `allow_open`},
		{"etcd half in clear", `store "badger" {}`, "store \"etcd\" {\n  endpoints = [\"https://etcd1:2379\", \"http://localhost:2379\"]\n}", `20,15: Mixed endpoints`, `all https`},
		{"etcd under no prefix", `store "badger" {}`, "store \"etcd\" {\n  endpoints = [\"https://etcd1:2379\"]\n  prefix = \"a//b\"\n}", `21,12: Invalid prefix`, `"a//b"`},
		{"etcd for a user alone", `store "badger" {}`, "store \"etcd\" {\n  endpoints = [\"https://etcd1:2379\"]\n  username = \"concord\"\n}", `21,3: Missing password_file`, `beside it`},
		{"etcd with a password that is not there", `store "badger" {}`, "store \"etcd\" {\n  endpoints = [\"https://etcd1:2379\"]\n  username = \"concord\"\n  password_file = \"/absent\"\n}", `22,19: Unreadable file`, `no such file`},
		{"etcd with a password that others read", `store "badger" {}`, "store \"etcd\" {\n  endpoints = [\"https://etcd1:2379\"]\n  username = \"concord\"\n  password_file = \"/etc/passwd\"\n}", `22,19: File open to others`, `chmod 0600`},
		{"etcd with a key that others read", `store "badger" {}`, "store \"etcd\" {\n  endpoints = [\"https://etcd1:2379\"]\n  client_cert_file = \"/etc/passwd\"\n  client_key_file = \"/etc/passwd\"\n}", `22,21: File open to others`, `chmod 0600`},
		{"etcd with too much patience", `store "badger" {}`, "store \"etcd\" {\n  endpoints = [\"https://etcd1:2379\"]\n  request_timeout = \"1h\"\n}", `21,21: Duration out of range`, `1m0s`},
		{"etcd with an unknown key", `store "badger" {}`, "store \"etcd\" {\n  endpoints = [\"https://etcd1:2379\"]\n  dir = \"x\"\n}", `21,3: Unsupported argument`, `"dir"`},
		{"unknown store", `"badger"`, `"bolt"`, `19,7: Unknown store`, `badger`},
		{"two stores", `store "badger" {}`, "store \"badger\" {}\nstore \"badger\" {}", `20,1: Repeated block`, `line 19`},
		{"unknown CA", `"embedded"`, `"other"`, `20,4: Unknown CA`, `embedded`},
		{"duration without unit", `"12h"`, `"12"`, `21,14: Invalid duration`, `unit`},
		{"duration out of range", `"12h"`, `"1s"`, `21,14: Duration out of range`, `between 1m and 2160h`},
		{"unknown level", `"warn"`, `"loud"`, `24,12: Unknown level`, `debug, info, warn, error`},
		{"unknown format", `"text"`, `"xml"`, `25,12: Unknown format`, `json, text`},
		{"syntax", `cluster_id = "NYDC"`, `cluster_id = "NYDC`, `1,19: `, ``},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(good, c.old) {
				t.Fatalf("the case changes %q, which the file does not have", c.old)
			}
			path := write(t, strings.Replace(good, c.old, c.new, 1))
			_, err := config.Load(path)
			if err == nil {
				t.Fatal("accepted")
			}
			if !strings.Contains(err.Error(), path+":"+c.want) || !strings.Contains(err.Error(), c.detail) {
				t.Errorf("got\n%v\nwant %s … %s", err, c.want, c.detail)
			}
		})
	}
}

// TestLoadReportsEveryFaultInOneRun has five faults of five sorts in one file, in the order of their lines.
func TestLoadReportsEveryFaultInOneRun(t *testing.T) {
	t.Parallel()
	text := strings.NewReplacer(`"NYDC"`, `"N Y"`, `"127.0.0.1:7402"`, `"nowhere"`, `"badger"`, `"etcd"`, `"12h"`, `"soon"`, `level `, `loudness`).Replace(good)
	_, err := config.Load(write(t, text))
	faults, ok := errors.AsType[config.Faults](err)
	if !ok || len(faults) != 5 {
		t.Fatalf("got %d faults: %v", len(faults), err)
	}
	var lines []int
	for _, f := range faults {
		lines = append(lines, f.Line)
	}
	if diff := cmp.Diff([]int{1, 16, 19, 21, 24}, lines); diff != "" {
		t.Error(diff)
	}
}

func TestLoadRefusesWhatIsNoConfiguration(t *testing.T) {
	t.Parallel()
	if _, err := config.Load(filepath.Join(t.TempDir(), "absent.hcl")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("absent file: %v", err)
	}
	if _, err := config.Load(write(t, strings.Repeat("# much\n", 200_000))); err == nil || !strings.Contains(err.Error(), "1 MiB") {
		t.Errorf("long file: %v", err)
	}
}

// TestWriteNodeIsReadBackUnchanged is what makes the files of `concord dev` trustworthy.
func TestWriteNodeIsReadBackUnchanged(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "LDC", "concord.hcl")
	n := want(path)
	n.AllowOpen, n.Peer.TLS.Disabled = true, true
	if err := config.WriteNode(path, n); err != nil {
		t.Fatal(err)
	}
	got, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(n, got); diff != "" {
		t.Error(diff)
	}
	text, err := os.ReadFile(path)
	if diff := cmp.Diff(string(hclwrite.Format(text)), string(text)); err != nil || diff != "" {
		t.Error("the file is not laid out as people do:", err, diff)
	}
}
