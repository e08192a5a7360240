package cli_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/cli"
	"github.com/concord-access/terraform-provider-concord/server/config"
)

// run is one whole command line.
func run(env map[string]string, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = cli.Main(args, &out, &errs, func(k string) string { return env[k] })
	return code, out.String(), errs.String()
}

// TestHelpListsEachVerb holds the form that scripts look for: two spaces, the verb, a space.
func TestHelpListsEachVerb(t *testing.T) {
	t.Parallel()
	code, out, _ := run(nil, "--help")
	if code != cli.ExitFine {
		t.Errorf("exit %d", code)
	}
	for _, verb := range []string{"server", "dev", "gate", "status", "session", "partner", "replication", "validate", "promote", "demote", "version"} {
		if !strings.Contains(out, "\n  "+verb+" ") {
			t.Errorf("%q is not in\n%s", verb, out)
		}
	}
}

func TestWrongUsageIsExitTwo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"unknown verb":             {[]string{"serve"}, "serve"},
		"unknown flag":             {[]string{"server", "--confg", "x"}, "--confg"},
		"no node":                  {[]string{"server"}, "--config"},
		"no gate":                  {[]string{"gate"}, "--config"},
		"no folder":                {[]string{"dev", "--data-centers", "A"}, "--dir"},
		"ids that differ in case":  {[]string{"dev", "--dir", "never-made", "--data-centers", "NYDC,nydc"}, "case does not count"},
		"argument too many":        {[]string{"version", "now"}, "now"},
		"a verb with a typo":       {[]string{"sesion", "list"}, "Did you mean session"},
		"a lower verb with a typo": {[]string{"session", "lst"}, "Did you mean list?"},
		"help for no verb":         {[]string{"help", "nosuch"}, "no verb \"nosuch\""},
		"no token":                 {[]string{"status", "--endpoint", "https://192.0.2.1:1"}, "bootstrap.token"},
		"env of no folder":         {[]string{"dev", "env"}, "--dir"},
		"no endpoint":              {[]string{"status"}, "CONCORD_ENDPOINT"},
		"no session":               {[]string{"session", "end"}, "which session"},
		"unknown form":             {[]string{"status", "-o", "xml", "--endpoint", "https://a:1"}, "json"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, _, errs := run(nil, c.args...)
			if code != cli.ExitUsage || !strings.Contains(errs, c.want) {
				t.Errorf("exit %d: %s", code, errs)
			}
		})
	}
}

func TestVersionIsAFlagToo(t *testing.T) {
	t.Parallel()
	code, flag, _ := run(nil, "--version")
	_, verb, _ := run(nil, "version")
	if code != cli.ExitFine || flag != verb || !strings.Contains(verb, cli.Version) {
		t.Errorf("exit %d: %q, %q", code, flag, verb)
	}
}

func TestServerReportsTheFileAndFails(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "concord.hcl")
	if err := os.WriteFile(file, []byte("cluster_id = \"N Y\"\nport = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, errs := run(nil, "server", "--config", file)
	if code != cli.ExitFailed || !strings.Contains(errs, file+":1,14:") || !strings.Contains(errs, file+":2,1:") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

func TestDevWriteOnlyWritesTheFilesAndStops(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	code, out, errs := run(nil, "dev", "--dir", dir, "--data-centers", "NYDC,LDC", "--base-port", "7600", "--write-only")
	if code != cli.ExitFine || !strings.Contains(out, "https://127.0.0.1:7610") {
		t.Fatalf("exit %d: %s%s", code, out, errs)
	}
	d, err := config.ReadDev(dir)
	if err != nil || len(d.DataCenters) != 2 {
		t.Fatalf("%+v, %v", d, err)
	}
	for _, dc := range d.DataCenters {
		if _, err := config.Load(dc.ConfigFile); err != nil {
			t.Error(err)
		}
	}
}

// dataCenter answers as a data center's admin listener does.
func dataCenter(t *testing.T, ready int) map[string]string {
	t.Helper()
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	answers := map[string]any{
		"GET /v1/data-center":        wire.DataCenterView{DataCenter: wire.DataCenter{ClusterID: "NYDC", Role: "master"}, LastSequence: 7, Digest: strings.Repeat("ab", 32)},
		"GET /v1/partners":           wire.Page[wire.PartnerView]{Items: []wire.PartnerView{{Partner: wire.Partner{ClusterID: "LDC", Primary: []string{"ld:1"}}}}},
		"GET /v1/replication/status": wire.ReplicationStatus{Healthy: true, Agreements: []wire.AgreementStatus{{Name: "to-ldc", State: "ready", Healthy: true}}},
		"GET /v1/sessions":           wire.Page[wire.SessionView]{Items: []wire.SessionView{{ID: "s1", User: "alice\x1b[2J", CreatedAt: at, Members: []string{"NYDC", "LDC"}}}},
		"GET /v1/sessions/s1":        wire.SessionView{ID: "s1", User: "alice", Origin: &wire.OriginRef{ClusterID: "LDC"}},
		"DELETE /v1/sessions/s1":     wire.Receipt{SSOID: "x", DataCenters: map[string]string{"NYDC": "acknowledged", "LDC": "queued"}},
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" {
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/v1/ready" {
			w.WriteHeader(ready)
			_ = json.NewEncoder(w).Encode(wire.Health{Status: map[int]string{200: "ready", 503: "not_ready"}[ready], Reasons: []string{"draining"}})
			return
		}
		if a, ok := answers[r.Method+" "+r.URL.Path]; ok && (r.URL.Query().Get("user") == "" || r.URL.Query().Get("user") == "alice") {
			_ = json.NewEncoder(w).Encode(a)
			return
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(s.Close)
	return map[string]string{"CONCORD_ENDPOINT": s.URL, "CONCORD_TOKEN": "secret"}
}

func TestStatusShowsTheDataCenter(t *testing.T) {
	t.Parallel()
	env := dataCenter(t, http.StatusOK)
	code, out, errs := run(env, "status")
	for _, want := range []string{"NYDC", "master", "LDC", "ld:1", "to-ldc", "ready"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	if code != cli.ExitFine {
		t.Errorf("exit %d: %s", code, errs)
	}
	code, out, _ = run(env, "status", "-o", "json")
	var got struct {
		DataCenter wire.DataCenterView `json:"data_center"`
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil || got.DataCenter.LastSequence != 7 || code != cli.ExitFine {
		t.Errorf("exit %d, %v: %s", code, err, out)
	}
}

// TestStatusOfANodeThatIsNotReady is exit 3, with the reason and still with the table.
func TestStatusOfANodeThatIsNotReady(t *testing.T) {
	t.Parallel()
	code, out, errs := run(dataCenter(t, http.StatusServiceUnavailable), "status")
	if code != cli.ExitCheck || !strings.Contains(errs, "draining") || !strings.Contains(out, "not_ready") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
}

func TestStatusWithAWrongTokenFails(t *testing.T) {
	t.Parallel()
	env := dataCenter(t, http.StatusOK)
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("other\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := run(env, "status", "--token-file", token); code != cli.ExitFailed || errs == "" {
		t.Errorf("exit %d: %s", code, errs)
	}
}

func TestSessionVerbs(t *testing.T) {
	t.Parallel()
	env := dataCenter(t, http.StatusOK)
	for name, c := range map[string]struct {
		args []string
		want []string
	}{
		"list hides what moves the cursor": {[]string{"session", "list", "--user", "alice"}, []string{"s1", "alice?[2J", "NYDC LDC"}},
		"list for programs":                {[]string{"session", "list", "-o", "json"}, []string{`"id": "s1"`}},
		"show":                             {[]string{"session", "show", "s1"}, []string{"alice", "LDC", "\nUSER", "\nMEMBERS"}},
		"end":                              {[]string{"session", "end", "s1"}, []string{"LDC", "queued", "acknowledged"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, out, errs := run(env, c.args...)
			if code != cli.ExitFine {
				t.Fatalf("exit %d: %s", code, errs)
			}
			for _, want := range c.want {
				if !strings.Contains(out, want) {
					t.Errorf("%q is not in\n%s", want, out)
				}
			}
		})
	}
	if code, _, _ := run(env, "session", "end", "s2"); code != cli.ExitFailed {
		t.Errorf("ending what is absent: exit %d", code)
	}
}
