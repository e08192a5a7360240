package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/config"
	"github.com/google/go-cmp/cmp"
)

const fingerprint = "3f1c0a9be27d4586a0c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f4051627"

// external is good with an external CA; the two secret files lie beside it.
var external = strings.Replace(good, "ca \"embedded\" {\n  leaf_ttl = \"12h\"\n}", `ca "external" {
  url                       = "https://ca.example.com:9000"
  fingerprint               = "`+fingerprint+`"
  provisioner               = "concord"
  provisioner_password_file = "password"
}`, 1)

func writeExternal(t *testing.T, text string) string {
	t.Helper()
	path := write(t, text)
	for name, mode := range map[string]os.FileMode{"password": 0o600, "key": 0o600, "open": 0o640, "empty": 0o600} {
		body := "secret\n"
		if name == "empty" {
			body = ""
		}
		if err := os.WriteFile(filepath.Join(filepath.Dir(path), name), []byte(body), mode); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func wantExternal(path string) *config.Node {
	n := want(path)
	n.LeafTTL = 24 * time.Hour
	n.ExternalCA = &config.ExternalCA{URL: "https://ca.example.com:9000", Fingerprint: fingerprint, Provisioner: "concord",
		PasswordFile: filepath.Join(filepath.Dir(path), "password")}
	return n
}

func TestLoadReadsAnExternalCA(t *testing.T) {
	t.Parallel()
	colons := fingerprint[:2] + ":" + strings.ToUpper(fingerprint[2:])
	cases := map[string]struct {
		old, new string
		change   func(*config.Node)
	}{
		"as it is":                         {"", "", func(*config.Node) {}},
		"fingerprint as openssl prints":    {fingerprint, colons, func(*config.Node) {}},
		"a slash behind the host":          {":9000", ":9000/", func(*config.Node) {}},
		"no port":                          {":9000", "", func(n *config.Node) { n.ExternalCA.URL = "https://ca.example.com" }},
		"a life":                           {`"concord"`, "\"concord\"\n  leaf_ttl = \"6h\"", func(n *config.Node) { n.LeafTTL = 6 * time.Hour }},
		"the key kept by Concord":          {`"concord"`, "\"concord\"\n  provisioner_key_file = \"key\"", func(n *config.Node) { n.ExternalCA.KeyFile = filepath.Join(filepath.Dir(n.DataDir), "key") }},
		"an absolute path of the password": {`"password"`, `"/dev/../dev/null"`, nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := writeExternal(t, strings.Replace(external, c.old, c.new, 1))
			got, err := config.Load(path)
			if c.change == nil { // it is read as absolute, and /dev/null is no file
				if err == nil || !strings.Contains(err.Error(), "/dev/null is no file") {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := wantExternal(path)
			c.change(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLoadSaysWhatIsWrongWithAnExternalCA(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, old, new, want, detail string
	}{
		{"plain HTTP", "https://", "http://", `21,31: Invalid url`, `https://host`},
		{"a path", ":9000", ":9000/acme", `21,31: Invalid url`, `nothing more`},
		{"a password in it", "https://", "https://a:secret@", `21,31: Invalid url`, `nothing more`},
		{"no host", "https://ca.example.com:9000", "https://:9000", `21,31: Invalid url`, `https://host`},
		{"no url", `url                       = "https://ca.example.com:9000"`, "", `20,15: Missing required argument`, `"url"`},
		{"fingerprint too short", fingerprint, fingerprint[:63], `22,31: Invalid fingerprint`, `step certificate fingerprint`},
		{"fingerprint of other letters", fingerprint, "g" + fingerprint[1:], `22,31: Invalid fingerprint`, `64 hexadecimal digits`},
		{"empty provisioner", `"concord"`, `""`, `23,31: Empty value`, `has to say something`},
		{"long provisioner", `"concord"`, `"` + strings.Repeat("c", 129) + `"`, `23,31: Invalid provisioner`, `at most 128`},
		{"password that is not there", `"password"`, `"absent"`, `24,31: Unreadable file`, `no such file`},
		{"password in a folder", `"password"`, `"."`, `24,31: Unreadable file`, `is no file`},
		{"password open to others", `"password"`, `"open"`, `24,31: File open to others`, `chmod 0600`},
		{"empty password", `"password"`, `"empty"`, `24,31: Unusable file`, `0 bytes`},
		{"key that is not there", `"concord"`, "\"concord\"\n  provisioner_key_file = \"absent\"", `24,26: Unreadable file`, `no such file`},
		{"a password in the file", `provisioner_password_file = "password"`, "password = \"x\"", `24,3: Unsupported argument`, `"password"`},
		{"life out of range", `"concord"`, "\"concord\"\n  leaf_ttl = \"50s\"", `24,14: Duration out of range`, `between 1m and 2160h`},
		{"two", `ca "external"`, "ca \"embedded\" {}\nca \"external\"", `21,1: Repeated block`, `line 20`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(external, c.old) {
				t.Fatalf("the case changes %q, which the file does not have", c.old)
			}
			path := writeExternal(t, strings.Replace(external, c.old, c.new, 1))
			_, err := config.Load(path)
			if err == nil {
				t.Fatal("accepted")
			}
			if !strings.Contains(err.Error(), path+":"+c.want) || !strings.Contains(err.Error(), c.detail) || strings.Contains(err.Error(), "secret") {
				t.Errorf("got\n%v\nwant %s … %s", err, c.want, c.detail)
			}
		})
	}
}

// TestLoadReportsEveryFaultOfAnExternalCA has four faults in one block.
func TestLoadReportsEveryFaultOfAnExternalCA(t *testing.T) {
	t.Parallel()
	text := strings.NewReplacer("https://", "http://", fingerprint, "abc", `"concord"`, `7`, `"password"`, `"open"`).Replace(external)
	_, err := config.Load(writeExternal(t, text))
	faults, ok := err.(config.Faults) //nolint:errorlint // Load gives it bare
	if !ok || len(faults) != 4 {
		t.Fatalf("got %v", err)
	}
}

func TestAnExternalCAIsWrittenAndReadBack(t *testing.T) {
	t.Parallel()
	path := writeExternal(t, external)
	n := wantExternal(path)
	n.LeafTTL, n.ExternalCA.KeyFile = 6*time.Hour, filepath.Join(filepath.Dir(path), "key")
	for range 2 {
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
		n.LeafTTL, n.ExternalCA.KeyFile = time.Minute, ""
	}
}
