package httpapi_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// oracle sends a request as Oracle's documentation has it, but for host and credentials, and reads the flat answer.
func oracle(t *testing.T, d *testkit.DataCenter, method, path, body string) (answer, map[string]any) {
	t.Helper()
	got := send(t, d, ask{method: method, url: d.Endpoint + "/oam/services/rest/_replication/" + path, body: body,
		header: http.Header{"Content-Type": {"application/json"}, "Authorization": {basic("weblogic", d.Token)}}})
	fields := map[string]any{}
	if err := json.Unmarshal([]byte(got.body), &fields); err != nil {
		t.Fatalf("%s %s: %d %s", method, path, got.status, got.body)
	}
	return got, fields
}

// Proves OAM-49, OAM-50, OAM-51, OAM-52, OAM-53 and X4, X5: the documented requests, in the documented order, work unchanged but for host and
// credentials, and are answered with Oracle's names and string forms.
func TestOracleScripts(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "DC1", "DC2")
	dc1, dc2 := both[0], both[1]
	for d, role := range map[*testkit.DataCenter]string{dc1: "master", dc2: "clone"} {
		d.Put("/v1/data-center", wire.DataCenter{ClusterID: d.ClusterID, Role: role})
		d.Put("/v1/partner-profile", wire.PartnerProfile{AgentID: testkit.AgentID, AllowManagement: true})
	}
	dc1.Trusts(dc2)
	dc2.Trusts(dc1)
	dc1.Put("/v1/groups/g", wire.Group{Name: "g"})
	want := func(what string, got answer, fields map[string]any, expect map[string]any) {
		t.Helper()
		if got.status != http.StatusOK {
			t.Fatalf("%s: %d %s", what, got.status, got.body)
		}
		shown := map[string]any{}
		for k := range expect {
			shown[k] = fields[k]
		}
		if diff := cmp.Diff(expect, shown); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
	}
	got, f := oracle(t, dc1, "GET", "hello", "")
	want("hello", got, f, map[string]any{"ok": "true"})

	got, f = oracle(t, dc1, "POST", "setup", `{"source":"DC1","target":"DC2","documentType":"ENTITY",
 "config":{"entry":{"key":"authorization",
 "value":"BASIC cmVwbGljYXRpb251c2VyOnNlY3JldA=="}}}`)
	want("setup with a header of its own", got, f, map[string]any{"enabled": "true", "ok": "true", "pollInterval": "900", "state": "READY"})
	id, _ := f["identifier"].(string)
	if s, ok := f["startingSequenceNumber"].(string); !ok || s == "" || s == "0" {
		t.Errorf("startingSequenceNumber %v", f["startingSequenceNumber"])
	}
	var group wire.GroupView
	dc2.Get("/v1/groups/g", &group) // OAM-55: the copy is part of the setup

	got, f = oracle(t, dc1, "GET", "agreements", "")
	want("list", got, f, map[string]any{"featureEnabled": "true", "identifiers": id, "ok": "true"})
	got, f = oracle(t, dc1, "GET", id, "")
	want("master", got, f, map[string]any{"enabled": "true", "identifier": id, "ok": "true", "state": "ACTIVE"})
	for _, at := range []*testkit.DataCenter{dc1, dc2} {
		got, f = oracle(t, at, "GET", id+"?type=clone", "")
		want("clone, asked at "+at.ClusterID, got, f, map[string]any{"enabled": "true", "identifier": id, "state": "READY", "pollInterval": "900"})
	}
	if s, ok := f["lastSequenceNumber"].(string); !ok || s == "" {
		t.Errorf("lastSequenceNumber %v", f["lastSequenceNumber"])
	}

	got, _ = oracle(t, dc1, "DELETE", id, "")
	got.refused(t, http.StatusConflict, "agreement_enabled")
	got, f = oracle(t, dc1, "PUT", id, `{"enabled":"false","pollInterval":"60","replicaType":"clone"}`)
	want("disable the clone", got, f, map[string]any{"enabled": "false", "pollInterval": "60", "ok": "true"})
	got, f = oracle(t, dc1, "GET", id, "")
	want("the master's half stays", got, f, map[string]any{"enabled": "true", "pollInterval": "900"})
	got, _ = oracle(t, dc1, "DELETE", id, "")
	got.refused(t, http.StatusConflict, "agreement_enabled")
	got, f = oracle(t, dc1, "PUT", id, `{"enabled":"false","replicaType":"SUPPLIER"}`)
	want("disable the master", got, f, map[string]any{"enabled": "false", "pollInterval": "900"})
	got, f = oracle(t, dc1, "DELETE", id, "")
	want("delete", got, f, map[string]any{"ok": "true"})
	got, _ = oracle(t, dc1, "GET", id, "")
	got.refused(t, http.StatusNotFound, "not_found")

	got, f = oracle(t, dc1, "POST", "setup", `{"name":"DC12DC2", "source":"DC1","target":"DC2","documentType":"ENTITY"}`)
	want("setup", got, f, map[string]any{"enabled": "true", "ok": "true", "state": "READY"})
}

// HTTP Basic is taken on Oracle's routes only, and only with an administrator's token.
func TestOracleCredentials(t *testing.T) {
	d := start(t)
	ask := func(path, authorization string) answer {
		return send(t, d, ask{method: "GET", url: d.Endpoint + path, header: http.Header{"Authorization": {authorization}}})
	}
	for name, c := range map[string]struct {
		path, authorization string
		status              int
	}{
		"basic":                   {wire.OraclePrefix + "/hello", basic("weblogic", d.Token), 200},
		"bearer":                  {wire.OraclePrefix + "/hello", "Bearer " + d.Token, 200},
		"basic elsewhere":         {"/v1/data-center", basic("weblogic", d.Token), 401},
		"wrong password":          {wire.OraclePrefix + "/hello", basic("weblogic", "welcome1"), 401},
		"no name":                 {wire.OraclePrefix + "/hello", basic("", d.Token), 401},
		"nothing":                 {wire.OraclePrefix + "/hello", "", 401},
		"a path that only begins": {wire.OraclePrefix + "X/hello", basic("weblogic", d.Token), 404},
	} {
		if got := ask(c.path, c.authorization); got.status != c.status {
			t.Errorf("%s: %d, want %d: %s", name, got.status, c.status, got.body)
		} else if c.status == 401 && c.path != "/v1/data-center" && got.header.Get("WWW-Authenticate") != `Basic realm="concord"` {
			t.Errorf("%s: challenge %q", name, got.header.Get("WWW-Authenticate"))
		}
	}
	for body, code := range map[string]string{
		`{"enabled":true}`:          "",
		`{"enabled":"yes"}`:         "invalid_input",
		`{"pollInterval":"soon"}`:   "invalid_input",
		`{"replicaType":"master2"}`: "invalid_input",
	} {
		got, _ := oracle(t, d, "PUT", "x", body)
		if got.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		} else if code != "" {
			got.refused(t, http.StatusBadRequest, code)
		}
	}
}
