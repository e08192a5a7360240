package cli_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

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
	for _, verb := range []string{"server", "dev", "gate", "status", "session", "partner", "replication", "validate", "policy", "promote", "demote", "version"} {
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
		"no number":                {[]string{"session", "keys", "revoke", "--key", "abc"}, "has to be a number"},
		"no verb of replication":   {[]string{"replication", "bogus"}, "no verb \"bogus\""},
		"no verb of conflicts":     {[]string{"replication", "conflicts", "bogus"}, "no verb \"bogus\""},
		"a lower verb with a typo": {[]string{"session", "lst"}, "Did you mean list?"},
		"help for no verb":         {[]string{"help", "nosuch"}, "no verb \"nosuch\""},
		"no token":                 {[]string{"status", "--endpoint", "https://192.0.2.1:1"}, "bootstrap.token"},
		"env of no folder":         {[]string{"dev", "env"}, "--dir"},
		"no endpoint":              {[]string{"status"}, "CONCORD_ENDPOINT"},
		"a session and a user":     {[]string{"session", "end", "s1", "--user", "alice"}, "not both"},
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
		"GET /v1/data-center":         wire.DataCenterView{DataCenter: wire.DataCenter{ClusterID: "NYDC", Role: "master"}, LastSequence: 7, Digest: strings.Repeat("ab", 32)},
		"GET /v1/partners":            wire.Page[wire.PartnerView]{Items: []wire.PartnerView{{Partner: wire.Partner{ClusterID: "LDC", Primary: []string{"ld:1"}}}}},
		"GET /v1/replication/status":  wire.ReplicationStatus{Healthy: true, Agreements: []wire.AgreementStatus{{Name: "to-ldc", State: "ready", Healthy: true}}},
		"GET /v1/sessions":            wire.Page[wire.SessionView]{Items: []wire.SessionView{{ID: "s1", User: "alice\x1b[2J", CreatedAt: at, Members: []string{"NYDC", "LDC"}}}},
		"GET /v1/nodes":               wire.Nodes{ClusterID: "NYDC", Nodes: []wire.Node{{NodeName: "ny1", Version: "1.2.0", State: "ready", Works: true}}},
		"GET /v1/trust/expiry":        wire.CertificateExpiries{Certificates: []wire.CertificateExpiry{{Role: "issuer", Name: "soon", Soon: true}, {Role: "root", Name: "late"}}},
		"GET /v1/audit-events":        auditPage(),
		"GET /v1/audit-events/verify": wire.AuditVerification{ID: "NYDC", Result: "fail", Chains: []wire.AuditChain{{Chain: "acts", Result: "pass", Records: 3, First: 1, Last: 3}, {Chain: "runtime", Result: "fail", Records: 2, First: 1, Last: 9, BrokenAt: 3, Reason: "it was changed"}}},
		"GET /v1/sessions/s1":         wire.SessionView{ID: "s1", User: "alice", Origin: &wire.OriginRef{ClusterID: "LDC", SessionID: "s9"}, Rule: "adopted_found", Chain: []string{"LDC", "NYDC"}, Degraded: true},
		"DELETE /v1/sessions/s1":      wire.Receipt{SSOID: "x", DataCenters: map[string]string{"NYDC": "acknowledged", "LDC": "queued"}},
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
	for _, want := range []string{"NYDC", "master", "LDC", "ld:1", "to-ldc", "ready", "ENDS SOON", "issuer"} {
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
		"show":                             {[]string{"session", "show", "s1"}, []string{"alice", "LDC s9", "\nUSER", "\nMEMBERS", "adopted_found", "LDC NYDC", "not yet"}},
		"list what fits":                   {[]string{"session", "list", "--from", "LDC", "--sign-on", "x", "--degraded"}, []string{"s1"}},
		"end a user's":                     {[]string{"session", "end", "--user", "alice"}, []string{"SIGN-ON", "queued"}},
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
			for line := range strings.Lines(out) {
				if width := utf8.RuneCountInString(line) + len("v4sulIWHyAbom1vQw_ztSg") - len("s1"); c.args[1] == "list" && width > 80 {
					t.Errorf("with a real id wider than a terminal of 80 columns: %q", line)
				}
			}
		})
	}
	if code, _, _ := run(env, "session", "end", "s2"); code != cli.ExitFailed {
		t.Errorf("ending what is absent: exit %d", code)
	}
}

// TestHelpIsNarrow: no line of any verb's help is wider than 100 columns.
func TestHelpIsNarrow(t *testing.T) {
	t.Parallel()
	seen := 0
	var look func(args []string)
	look = func(args []string) {
		_, out, _ := run(nil, append(slices.Clone(args), "--help")...)
		verbs := false
		for _, line := range strings.Split(out, "\n") {
			if utf8.RuneCountInString(line) > 100 {
				t.Errorf("%v: %q", args, line)
			}
			if strings.HasSuffix(line, "Commands:") {
				verbs = true
			} else if line == "" || strings.HasSuffix(line, ":") {
				verbs = false
			} else if f := strings.Fields(line); verbs && f[0] != "help" && f[0] != "completion" {
				seen++
				look(append(slices.Clone(args), f[0]))
			}
		}
	}
	if look(nil); seen < 20 {
		t.Errorf("only %d verbs were looked at", seen)
	}
}

// TestAFileThatIsNotThere names where the wrong path came from.
func TestAFileThatIsNotThere(t *testing.T) {
	t.Parallel()
	env := map[string]string{"CONCORD_ENDPOINT": "https://192.0.2.1:1", "CONCORD_TOKEN": "x", "CONCORD_CACERT": "/nope"}
	expect(t, env, cli.ExitFailed, []string{"CONCORD_CACERT: ", "/nope"}, "status")
	expect(t, env, cli.ExitFailed, []string{"--ca-cert: ", "/none"}, "status", "--ca-cert", "/none")
}

// TestStatusFitsAndForgetsWhatIsOver: sentences are wrapped at 80 columns, tables of figures stay below 100, and an error that
// was followed by a success of a healthy agreement is left out.
func TestStatusFitsAndForgetsWhatIsOver(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	before, zero := at.Add(-time.Minute), 0.0
	equal := true
	one := wire.AgreementStatus{Identifier: "NYDC-LDC-5f0c9a11", Name: "NYDC-LDC", Side: "master", Source: "NYDC", Target: "LDC", State: "bootstrapping", AppliedSequence: 123456, LatestSequence: 123456,
		LagSeconds: &zero, DigestEqual: &equal, LastSuccess: &at, LastError: strings.Repeat("cannot be reached ", 20), LastErrorAt: &before, ClockSkew: &zero, Healthy: true, Reason: strings.Repeat("the clone follows ", 20)}
	for name, c := range map[string]struct {
		change func(*wire.AgreementStatus)
		shown  bool
	}{
		"over":                 {func(*wire.AgreementStatus) {}, false},
		"newer than success":   {func(a *wire.AgreementStatus) { a.LastErrorAt = &at; a.LastSuccess = &before }, true},
		"not healthy":          {func(a *wire.AgreementStatus) { a.Healthy = false }, true},
		"there was no success": {func(a *wire.AgreementStatus) { a.LastSuccess = nil }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := one
			c.change(&a)
			env := answering(t, wire.ReplicationStatus{ID: "NYDC", Role: "master", Healthy: true, Digest: strings.Repeat("ab", 32), Majority: "reached", Agreements: []wire.AgreementStatus{a}})
			for _, args := range [][]string{{"replication", "status"}, {"status"}} {
				_, out, errs := run(env, args...)
				if strings.Contains(out, "cannot be reached") != c.shown || !strings.Contains(out, "the clone follows") || !strings.Contains(out, "majority") {
					t.Errorf("%v: %s%s", args, out, errs)
				}
				for _, line := range strings.Split(out, "\n") {
					if n := utf8.RuneCountInString(line); n > 100 || n > 80 && strings.HasPrefix(line, "  ") {
						t.Errorf("%v: %d columns: %s", args, n, line)
					}
				}
			}
		})
	}
}

// TestDivergencesAtAMaster: a master has none of its own, and names the clones that have some, with their addresses.
func TestDivergencesAtAMaster(t *testing.T) {
	t.Parallel()
	a := wire.AgreementStatus{Name: "to-ldc", Target: "LDC", Diverged: 2}
	env := answering(t, wire.ReplicationStatus{ID: "NYDC", Agreements: []wire.AgreementStatus{a, {Target: "TDC"}}})
	expect(t, env, cli.ExitCheck, []string{"LDC", "2", "https://ldc:7400", "listed at the clone"}, "replication", "divergences")
	expect(t, env, cli.ExitCheck, []string{"[]", "listed at the clone"}, "replication", "divergences", "-o", "json")
	expect(t, answering(t, wire.ReplicationStatus{ID: "NYDC"}), cli.ExitFine, []string{"NYDC is the master", "none has any"}, "replication", "divergences")
}

// answering is a master whose replication stands as st says.
func answering(t *testing.T, st wire.ReplicationStatus) map[string]string {
	t.Helper()
	answers := map[string]any{
		"/v1/data-center": wire.DataCenterView{DataCenter: wire.DataCenter{ClusterID: "NYDC", Role: "master"}, State: "active", NodeName: "ny1", Version: "0.1.0", Digest: strings.Repeat("ab", 32)},
		"/v1/ready":       wire.Health{Status: "ready"}, "/v1/replication/status": st, "/v1/replication/divergences": wire.Page[wire.Divergence]{},
		"/v1/partners": wire.Page[wire.PartnerView]{Items: []wire.PartnerView{{Partner: wire.Partner{ClusterID: "LDC", RESTEndpoint: "https://ldc:7400", Primary: []string{"ldc:7402"}}}}},
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(answers[r.URL.Path]); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	return map[string]string{"CONCORD_ENDPOINT": s.URL, "CONCORD_TOKEN": "secret"}
}

func auditPage() wire.AuditPage {
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	return wire.AuditPage{Items: []wire.AuditEvent{
		{DataCenter: "NYDC", Chain: "runtime", Sequence: 2, Time: at, Actor: "user:somebody-with-a-long-name", Action: "find", Kind: "session", User: "somebody-with-a-long-name", Outcome: "refused", Reason: "challenge_unreachable"},
		{DataCenter: "NYDC", Chain: "acts", Sequence: 1, Time: at, Actor: "token:bootstrap", Action: "put", Kind: "user", Name: "ann\x1b[2J", Outcome: "ok"},
	}}
}

// CAMS-L1: a table of the audit fits a terminal and still says why somebody was refused; programs get every field; a broken chain is exit 3 and
// names the first record that does not fit.
func TestAuditVerbs(t *testing.T) {
	t.Parallel()
	env := dataCenter(t, http.StatusOK)
	for _, all := range []string{"--all=false", "--all"} {
		code, out, errs := run(env, "audit", "list", all)
		if code != cli.ExitFine || !strings.Contains(out, "challenge_unreachable") || strings.Contains(out, "\x1b") {
			t.Errorf("exit %d: %s%s", code, out, errs)
		}
		for line := range strings.Lines(out) {
			if n := len([]rune(strings.TrimRight(line, "\n"))); n > 80 {
				t.Errorf("%d columns: %s", n, line)
			}
		}
	}
	for _, form := range []string{"json", "jsonl"} {
		code, out, errs := run(env, "audit", "list", "-o", form)
		if code != cli.ExitFine || !strings.Contains(out, "somebody-with-a-long-name") || form == "jsonl" && strings.Count(out, "\n") != 2 {
			t.Errorf("%s: exit %d: %s%s", form, code, out, errs)
		}
	}
	file := filepath.Join(t.TempDir(), "audit.jsonl")
	if code, _, errs := run(env, "audit", "export", "--file", file); code != cli.ExitFine {
		t.Errorf("export: exit %d: %s", code, errs)
	}
	if i, err := os.Stat(file); err != nil || i.Mode().Perm() != 0o600 {
		t.Errorf("the export: %v, %v", i, err)
	}
	if code, _, _ := run(env, "audit", "export", "--file", file); code != cli.ExitFailed {
		t.Errorf("an export over a file that is there: exit %d", code)
	}
	code, out, errs := run(env, "audit", "verify")
	if code != cli.ExitCheck || !strings.Contains(errs, "record 3 of runtime is the first that does not fit: it was changed") || !strings.Contains(out, "acts") {
		t.Errorf("verify: exit %d: %s%s", code, out, errs)
	}
}
