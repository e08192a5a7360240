package httpapi_test

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// document is a listener's description of itself, as far as the tests read it.
type document struct {
	OpenAPI    string                          `json:"openapi"`
	Paths      map[string]map[string]operation `json:"paths"`
	Components struct {
		Schemas map[string]*schema `json:"schemas"`
	} `json:"components"`
}

type operation struct {
	Parameters []struct{ Name, In string } `json:"parameters"`
	Responses  map[string]struct {
		Content map[string]struct {
			Schema *schema `json:"schema"`
		} `json:"content"`
	} `json:"responses"`
}

type schema struct {
	Ref        string             `json:"$ref"`
	Type       string             `json:"type"`
	Format     string             `json:"format"`
	Properties map[string]*schema `json:"properties"`
	Required   []string           `json:"required"`
	Additional json.RawMessage    `json:"additionalProperties"`
	Items      *schema            `json:"items"`
	AnyOf      []*schema          `json:"anyOf"`
}

// check says where v does not fit the schema.
func (d *document) check(s *schema, v any, at string) error {
	if s.Ref != "" {
		return d.check(d.Components.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")], v, at)
	}
	if len(s.AnyOf) > 0 {
		var err error
		for _, one := range s.AnyOf {
			if err = d.check(one, v, at); err == nil {
				return nil
			}
		}
		return err
	}
	switch s.Type {
	case "":
		return nil
	case "object":
		return d.checkObject(s, v, at)
	case "array":
		list, ok := v.([]any)
		for i := range list {
			if err := d.check(s.Items, list[i], fmt.Sprintf("%s/%d", at, i)); err != nil {
				return err
			}
		}
		return unless(ok, at, s, v)
	case "string":
		text, ok := v.(string)
		if ok && s.Format == "date-time" {
			_, err := time.Parse(time.RFC3339Nano, text)
			ok = err == nil
		}
		return unless(ok, at, s, v)
	case "boolean":
		_, ok := v.(bool)
		return unless(ok, at, s, v)
	case "null":
		return unless(v == nil, at, s, v)
	}
	n, ok := v.(json.Number)
	if ok && s.Type == "integer" {
		_, err := strconv.ParseUint(n.String(), 10, 64)
		ok = err == nil
	}
	return unless(ok, at, s, v)
}

func unless(ok bool, at string, s *schema, v any) error {
	if ok {
		return nil
	}
	return fmt.Errorf("%s is %v, described as %s %s", at, v, s.Type, s.Format)
}

func (d *document) checkObject(s *schema, v any, at string) error {
	fields, ok := v.(map[string]any)
	if !ok {
		return unless(false, at, s, v)
	}
	for _, name := range s.Required {
		if _, ok := fields[name]; !ok {
			return fmt.Errorf("%s/%s is missing", at, name)
		}
	}
	for name, value := range fields {
		sub, known := s.Properties[name]
		if !known && string(s.Additional) != "" && string(s.Additional) != "false" {
			if err := json.Unmarshal(s.Additional, &sub); err != nil {
				return err
			}
			known = true
		}
		if !known {
			return fmt.Errorf("%s/%s is not described", at, name)
		}
		if err := d.check(sub, value, at+"/"+name); err != nil {
			return err
		}
	}
	return nil
}

// fits checks an answer against an operation: its status is described, its body is as described.
func (d *document) fits(t *testing.T, o operation, what string, got answer) {
	t.Helper()
	r, described := o.Responses[strconv.Itoa(got.status)]
	if !described {
		r = o.Responses["default"]
		if got.status < 400 {
			t.Errorf("%s: status %d is not described", what, got.status)
			return
		}
	}
	mediaType, _, _ := strings.Cut(got.header.Get("Content-Type"), ";")
	content, typed := r.Content[mediaType]
	switch {
	case len(r.Content) == 0 && got.status > http.StatusOK && got.status < 300 && got.body != "":
		t.Errorf("%s: status %d has a body, none is described", what, got.status)
	case len(r.Content) == 0:
	case !typed:
		t.Errorf("%s: status %d is %q, described are %v", what, got.status, mediaType, slices.Collect(maps.Keys(r.Content)))
	case content.Schema != nil:
		var v any
		dec := json.NewDecoder(strings.NewReader(got.body))
		dec.UseNumber()
		if err := dec.Decode(&v); err != nil {
			t.Errorf("%s: %v", what, err)
		} else if err := d.check(content.Schema, v, ""); err != nil {
			t.Errorf("%s: status %d: %v", what, got.status, err)
		}
	}
}

func describe(t *testing.T, got answer) *document {
	t.Helper()
	d := &document{}
	if err := json.Unmarshal([]byte(got.body), d); err != nil || d.OpenAPI != "3.1.0" || len(d.Paths) == 0 {
		t.Fatalf("no description: %v in %.200s", err, got.body)
	}
	return d
}

// step is one request of the walk over every declared route; want is the status that it must have.
type step struct {
	method, path string // as declared
	url          string // "" = path
	body         string
	want         int
}

// adminSteps reaches every route of the admin listener with success.
func adminSteps(t *testing.T, other *testkit.DataCenter, session string) []step {
	t.Helper()
	root, err := json.Marshal(other.CACertPEM)
	if err != nil {
		t.Fatal(err)
	}
	bodies := []struct{ collection, name, body, patch string }{
		{"security-domains", "d", `{"name":"d"}`, `{"description":"d"}`},
		{"groups", "g", `{"name":"g","security_domain":"d"}`, `{"description":"d","security_domain":null}`},
		{"users", "u", `{"name":"u","password":"long enough","groups":["g"]}`, `{"email":"u@example.com"}`},
		{"authorization-policies", "p", `{"name":"p","rules":[{"effect":"allow","groups":["g"]}]}`, `{"rules":[{"effect":"allow"}]}`},
		{"applications", "a", `{"name":"a","hosts":["a.example"],"resources":{"r":{"paths":["/**"],"authorization_policy":"p"}}}`, `{"resources":null}`},
		{"identity-stores", "i", `{"name":"i","urls":["ldaps://127.0.0.1:1"],"user_search_base":"dc=example"}`, `{"description":"d"}`},
		{"authentication-schemes", "c", `{"name":"c","steps":[{"method":"password","identity_store":"i"}]}`, `{"level":2}`},
		{"admin-roles", "ar", `{"name":"ar","permissions":[{"actions":["read"],"kinds":["*"]}],"groups":["g"]}`, `{"description":"d"}`},
		{"admin-tokens", "at", `{"name":"at","roles":["ar"],"token":"0123456789abcdef0123456789abcdef","expires_at":"2030-01-01T00:00:00Z"}`, `{"description":"d"}`},
		{"agents", "ag", `{"name":"ag","hosts":["https://a.example"],"secret":"0123456789abcdef"}`, `{"cookie_lifetime":"5m"}`},
		{"packages", "k", `{"name":"k","sha256":"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881","size":1,"groups":["g"]}`, `{"file_name":"x.txt"}`},
		{"settings", "s", `{"name":"s","value":"v"}`, `{"value":"w"}`},
		{"partners", "LDC", fmt.Sprintf(`{"cluster_id":"LDC","agent_id":"mesh","primary":[%q]}`, other.PeerAddress), `{"rest_endpoint":"https://ldc.example"}`},
		{"trust/certificates", "root", fmt.Sprintf(`{"name":"root","certificate_pem":%s}`, root), `{"partner":"LDC"}`},
	}
	const blob, x = "/v1/blobs/{sha256}", "/v1/blobs/2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
	steps := []step{{"PUT", blob, x, "x", 201}, {"PUT", blob, x, "x", 200}, {"GET", blob, x, "", 200}}
	for _, b := range bodies {
		list, one := "/v1/"+b.collection, "/v1/"+b.collection+"/"+b.name
		declared := list + "/{name}"
		steps = append(steps, step{"PUT", declared, one, b.body, 201}, step{"PUT", declared, one, b.body, 200}, step{"GET", declared, one, "", 200},
			step{"PATCH", declared, one, b.patch, 200}, step{"GET", list, "", "", 200})
	}
	steps = append(steps, step{"POST", "/v1/identity-stores/{name}/test", "/v1/identity-stores/i/test", "", 200}, step{"POST", "/v1/identity-stores/{name}/test", "/v1/identity-stores/none/test", "", 404})
	steps = append(steps, overrideSteps()...)
	const contexts = "/v1/security-contexts"
	steps = append(steps, step{"POST", "/v1/admin-tokens", "", `{"name":"made","roles":["ar"],"ttl":"1h"}`, 201}, step{"DELETE", "/v1/admin-tokens/{name}", "/v1/admin-tokens/made", "", 204},
		step{"POST", contexts, "", `{"user":"u","password":"long enough","ttl":"1m"}`, 201}, step{"POST", contexts, "", `{"user":"u","password":"wrong"}`, 401}, step{"GET", contexts, "", "", 200},
		step{"POST", contexts + "/{id}/renew", contexts + "/CONTEXT/renew", "", 409}, step{"DELETE", contexts + "/{id}", contexts + "/CONTEXT", "", 204}, step{"DELETE", contexts + "/{id}", contexts + "/CONTEXT", "", 404})
	steps = append(steps, step{"POST", "/v1/trust/join-tokens", "", `{"purpose":"agent","name":"a"}`, 201}, step{"GET", "/v1/trust/join-tokens", "", "", 200},
		step{"DELETE", "/v1/trust/join-tokens/{id}", "/v1/trust/join-tokens/JOIN", "", 204}, step{"POST", "/v1/trust/join", "", `{"token":"x"}`, 400})
	for _, b := range slices.Backward(bodies) { // what refers to others first
		if b.collection != "partners" && b.collection != "trust/certificates" {
			steps = append(steps, step{"DELETE", "/v1/" + b.collection + "/{name}", "/v1/" + b.collection + "/" + b.name, "", 204})
		}
	}
	for path, body := range map[string]string{"/v1/session-policy": `{"lifetime":"2h"}`, "/v1/password-policy": `{"min_length":10}`, "/v1/partner-profile": `{"agent_id":"mesh","allow_management":true}`, "/v1/data-center": `{"cluster_id":"NYDC","role":"master"}`} {
		steps = append(steps, step{"PUT", path, "", body, 200}, step{"GET", path, "", "", 200}, step{"PATCH", path, "", body, 200}, step{"DELETE", path, "", "", 204}, step{"PUT", path, "", body, 200})
	}
	steps = append(steps, mastershipSteps()...)
	steps = append(steps, certificateSteps()...)
	const agreements, oracle = "/v1/replication/agreements", wire.OraclePrefix
	return append(steps,
		step{"GET", "/v1/health", "", "", 200}, step{"GET", "/v1/ready", "", "", 200}, step{"GET", "/v1/trust/bundle", "", "", 200},
		step{"POST", "/v1/trust/bundle/rotate", "", `{"step":"publish"}`, 200}, step{"POST", "/v1/trust/bundle/rotate", "", `{"step":"cancel","force":true}`, 200}, step{"GET", "/v1/partners/{name}/trust", "/v1/partners/LDC/trust", "", 200},
		step{"GET", "/v1/replication/status", "", "", 200}, step{"GET", "/metrics", "", "", 200}, step{"GET", "/openapi.json", "", "", 200},
		step{"GET", "/v1/sessions", "", "", 200}, step{"GET", "/v1/sessions/{id}", "/v1/sessions/" + session, "", 200}, step{"DELETE", "/v1/sessions/{id}", "/v1/sessions/" + session, "", 200},
		step{"POST", agreements, "", `{"name":"n","source":"NYDC","target":"LDC"}`, 201}, step{"GET", agreements, agreements + "?type=master", "", 200},
		step{"GET", agreements + "/{id}", agreements + "/ID", "", 200}, step{"POST", agreements + "/{id}/pull", agreements + "/ID/pull", "", 200},
		step{"POST", agreements + "/{id}/verify", agreements + "/ID/verify?repair=true", "", 200}, step{"GET", "/v1/replication/hello", "", "", 200},
		step{"GET", "/v1/replication/changelog", "/v1/replication/changelog?after=0&limit=1000", "", 200}, step{"POST", "/v1/partners/{name}/test", "/v1/partners/LDC/test", "", 200},
		step{"GET", "/v1/trust/expiry", "", "", 200}, step{"GET", "/v1/trust/matrix", "", "", 200}, step{"POST", "/v1/trust/inspect", "", `{"address":"x"}`, 400}, step{"GET", "/v1/validate", "", "", 200}, step{"POST", "/v1/validate", "", "", 200}, step{"PATCH", agreements + "/{id}", agreements + "/ID", `{"enabled":false}`, 200},
		step{"GET", "/v1/replication/status", "", "", 200}, step{"GET", "/v1/partners", "", "", 200},
		step{"DELETE", agreements + "/{id}", agreements + "/ID?force=false", "", 204},
		step{"GET", "/v1/audit-events", "/v1/audit-events?user=ann&scope=all&limit=5", "", 200}, step{"GET", "/v1/audit-events", "/v1/audit-events?from=x", "", 400}, step{"GET", "/v1/audit-events/verify", "", "", 200},
		step{"GET", oracle + "/hello", "", "", 200}, step{"POST", oracle + "/setup", "", `{"name":"NYDC2LDC","source":"NYDC","target":"LDC","documentType":"ENTITY"}`, 200},
		step{"GET", oracle + "/agreements", "", "", 200}, step{"GET", oracle + "/{id}", oracle + "/ID?type=clone", "", 200},
		step{"PUT", oracle + "/{id}", oracle + "/ID", `{"enabled":"false"}`, 200}, step{"PUT", oracle + "/{id}", oracle + "/ID", `{"enabled":"false","replicaType":"clone"}`, 200},
		step{"DELETE", oracle + "/{id}", oracle + "/ID", "", 200},
		step{"DELETE", "/v1/partners/{name}", "/v1/partners/LDC", "", 204},
		step{"DELETE", "/v1/trust/certificates/{name}", "/v1/trust/certificates/root", "", 204},
	)
}

// mastershipSteps reaches the routes of promotion at a master without clones: promoting it changes nothing, and there is nobody
// to hand over to. What they do is in server/app.
func mastershipSteps() []step {
	const one, none = "/v1/replication/conflicts/{id}", "/v1/replication/conflicts/none"
	return []step{
		{"POST", "/v1/data-center/promote", "", `{"wait":"1s"}`, 200}, {"POST", "/v1/data-center/promote", "", `{"wait":"1h"}`, 400},
		{"POST", "/v1/data-center/promote", "", `{"to":"LDC"}`, 400}, {"POST", "/v1/data-center/demote", "", `{}`, 409},
		{"GET", "/v1/replication/conflicts", "", "", 200}, {"GET", "/v1/replication/conflicts", "/v1/replication/conflicts?cluster_id=XDC", "", 403},
		{"GET", one, none, "", 404}, {"GET", one, "/v1/replication/conflicts/..%2Fhead", "", 404}, {"GET", one, none + "?after=x", "", 400},
		{"DELETE", one, none, "", 404}, {"DELETE", one, "/v1/replication/conflicts/..%2Fhead", "", 404},
		{"GET", "/v1/replication/divergences", "/v1/replication/divergences?limit=5", "", 200},
		{"DELETE", "/v1/replication/divergences/{kind}/{name}", "/v1/replication/divergences/group/none", "", 404},
		{"POST", one + "/reapply", none + "/reapply", `{"sequence":1}`, 404}, {"POST", one + "/reapply", none + "/reapply", `{}`, 400},
	}
}

// certificateSteps reaches the routes of certificates; SERIAL is the one that was issued last.
func certificateSteps() []step {
	const all, one, last = "/v1/certificates", "/v1/certificates/{serial}", "/v1/certificates/SERIAL"
	return []step{
		{"POST", all, "", `{"profile":"agent","name":"portal"}`, 201}, {"POST", all, "", `{"profile":"agent","name":"a/b"}`, 400}, {"POST", all, "", `{"profile":"agent","name":"a","ttl":"x"}`, 400},
		{"GET", all, "", "", 200}, {"GET", all, all + "?profile=agent&status=valid&name=x&expiring_before=2030-01-01T00:00:00Z", "", 200},
		{"GET", all, all + "?status=unknown", "", 400}, {"GET", one, last, "", 200}, {"GET", one, "/v1/certificates/00ff", "", 404}, {"GET", one, "/v1/certificates/x", "", 400},
		{"POST", one + "/renew", last + "/renew", `{}`, 201}, {"POST", one + "/revoke", last + "/revoke", `{"reason":"superseded"}`, 200},
		{"POST", one + "/renew", last + "/renew", `{}`, 409}, {"POST", one + "/revoke", last + "/revoke", `{"reason":"no"}`, 400},
		{"POST", "/v1/certificate-revocations", "", `{"identity":"spiffe://nydc/agent/portal"}`, 200}, {"POST", "/v1/certificate-revocations", "", `{}`, 400},
		{"GET", "/v1/crl", "", "", 200},
	}
}

// overrideSteps reaches the routes of overrides, locks and batches; they leave the setting s as it was.
func overrideSteps() []step {
	const one, lock = "/v1/overrides/{kind}/{name}", "/v1/locks/{kind}/{name}"
	const at, held = "/v1/overrides/setting/s", "/v1/locks/setting/s"
	return []step{
		{"PUT", one, at, `{"kind":"setting","name":"s","values":{"value":"x"}}`, 201}, {"PUT", one, at, `{"kind":"setting","name":"s","values":{"value":"y"}}`, 200},
		{"GET", one, at, "", 200}, {"PATCH", one, at, `{"values":{"description":"d"}}`, 200}, {"GET", "/v1/overrides", "", "", 200},
		{"GET", "/v1/settings/{name}", "/v1/settings/s", "", 200}, {"GET", "/v1/settings/{name}", "/v1/settings/s?stored=true", "", 200}, {"GET", "/v1/settings", "/v1/settings?stored=true", "", 200},
		{"DELETE", one, at, "", 204},
		{"PUT", lock, held, `{"owner":"o","timeout":"1m"}`, 200}, {"GET", lock, held, "", 200}, {"GET", "/v1/locks", "", "", 200}, {"DELETE", lock, held + "?force=true", "", 204},
		{"GET", "/v1/nodes", "", "", 200}, {"GET", "/v1/cookie-keys", "", "", 200}, {"POST", "/v1/cookie-keys/rotate", "", `{"purpose":"code","force":true}`, 200}, {"POST", "/v1/cookie-keys/revoke", "", `{"purpose":"cursor"}`, 200},
		{"POST", "/v1/policies/evaluate", "", `{"user":"ann","host":"shop.example","target":"/x","client_address":"10.0.0.1"}`, 200},
		{"POST", "/v1/policies/evaluate", "", `{"subject":{"user":"u"},"host":"shop.example","target":"/","policy":{"name":"p","rules":[{"effect":"allow","condition":"level =="}]}}`, 400},
		{"POST", "/v1/simulate", "", `{"fault":{"kind":"data_center","cluster_id":"LDC"},"user":"ann","session_policy":{"continue_on_sync_failure":true}}`, 200}, {"POST", "/v1/simulate", "", `{"fault":{"kind":"link","cluster_id":"NYDC"}}`, 400},
		{"POST", "/v1/batch", "", `{"operations":[{"method":"PUT","kind":"setting","name":"t","body":{"name":"t","value":"v"}},{"method":"DELETE","kind":"setting","name":"t"}]}`, 200},
	}
}

// TestAdminRoutesAreAsDescribed reaches every declared route of the admin listener, checks each answer against its schema,
// finds no route or method that is not declared (SEC-74, SEC-70), and finds in the audit each that changes something, with who
// asked and the request's id (SEC-75).
func TestAdminRoutesAreAsDescribed(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	d, other := both[0], both[1]
	other.Trusts(d)
	other.Put("/v1/data-center", wire.DataCenter{ClusterID: "LDC", Role: "clone"})
	other.Put("/v1/partner-profile", wire.PartnerProfile{AgentID: "mesh", AllowManagement: true})
	d.User("ann")
	app := d.Application("shop", "https://shop.example")
	testkit.NewBrowser(t, d).Open(app, "ann", testkit.Password)
	doc := describe(t, admin(t, d, http.MethodGet, "/openapi.json", ""))
	reached, acts := map[string]bool{}, map[string]bool{}
	identifier, serial, joinID, contextID := "", "", "", ""
	for _, s := range adminSteps(t, other, d.Sessions("ann")[0].ID) {
		o, declared := doc.Paths[s.path][strings.ToLower(s.method)]
		if !declared {
			t.Errorf("%s %s is not described", s.method, s.path)
			continue
		}
		if s.url == "" {
			s.url = s.path
		}
		got := admin(t, d, s.method, strings.NewReplacer("/ID", "/"+identifier, "/SERIAL", "/"+serial, "/JOIN", "/"+joinID, "/CONTEXT", "/"+contextID).Replace(s.url), s.body)
		if got.status != s.want {
			t.Errorf("%s %s: %d, want %d: %s", s.method, s.url, got.status, s.want, got.body)
		}
		if (s.path == "/v1/replication/agreements" || s.path == wire.OraclePrefix+"/setup") && s.method == http.MethodPost {
			var v wire.AgreementView
			_ = json.Unmarshal([]byte(got.body), &v) // fits looks at it
			identifier = v.Identifier
		}
		if s.path == "/v1/certificates" && s.method == http.MethodPost && got.status == http.StatusCreated {
			var v wire.IssuedCertificate
			_ = json.Unmarshal([]byte(got.body), &v) // fits looks at it
			serial = v.Serial
		}
		if s.path == "/v1/trust/join-tokens" && s.method == http.MethodPost {
			var v wire.JoinTokenMade
			_ = json.Unmarshal([]byte(got.body), &v) // fits looks at it
			joinID = v.ID
		}
		if s.path == "/v1/security-contexts" && got.status == http.StatusCreated {
			var v wire.SecurityContextOpened
			_ = json.Unmarshal([]byte(got.body), &v) // fits looks at it
			contextID = v.ID
		}
		doc.fits(t, o, s.method+" "+s.url, got)
		reached[s.method+" "+s.path] = true
		if s.method != http.MethodGet && got.status < 300 && recorded(t, d, got.header.Get(wire.HeaderRequestID)) {
			acts[s.method+" "+s.path] = true
		}
	}
	for path, operations := range doc.Paths {
		for method := range operations {
			if at := strings.ToUpper(method) + " " + path; at[:4] != "GET " && !acts[at] && !actsNotDone()[at] {
				t.Errorf("%s leaves no audit record with its actor and request id", at)
			}
		}
	}
	doc.complete(t, d, d.Endpoint, http.Header{"Authorization": {"Bearer " + d.Token}}, reached, nil)
}

// actsNotDone are the routes that the steps do not bring to an act: they fail, or find nothing to do. What they record is tested
// where they do something.
func actsNotDone() map[string]bool {
	const conflict = "/v1/replication/conflicts/{id}"
	return map[string]bool{"POST /v1/trust/join": true, "POST /v1/trust/inspect": true, "POST /v1/data-center/promote": true, "POST /v1/data-center/demote": true, "POST /v1/validate": true,
		"PATCH /v1/session-policy": true, "PATCH /v1/partner-profile": true, "PATCH /v1/password-policy": true, "POST /v1/policies/evaluate": true, "POST /v1/simulate": true, "PATCH /v1/data-center": true,
		"POST /v1/security-contexts": true, "POST /v1/security-contexts/{id}/renew": true, // the first is the user's, the other is none
		"DELETE " + conflict: true, "POST " + conflict + "/reapply": true, "DELETE /v1/replication/divergences/{kind}/{name}": true}
}

// recorded says whether the request left a record of an administrator's act.
func recorded(t *testing.T, d *testkit.DataCenter, requestID string) bool {
	t.Helper()
	var page wire.AuditPage
	d.Get("/v1/audit-events?request_id="+requestID, &page)
	for _, e := range page.Items {
		if e.Actor == "token:bootstrap" && e.RequestID == requestID && e.Action != "" && e.Kind != "" && e.ClientAddress == "127.0.0.1" {
			return true
		}
	}
	return false
}

// complete checks that every declared operation was reached and that each path refuses every other method with Allow.
func (d *document) complete(t *testing.T, at *testkit.DataCenter, base string, header http.Header, reached map[string]bool, cfg *tls.Config) {
	t.Helper()
	for path, operations := range d.Paths {
		for method := range operations {
			if !reached[strings.ToUpper(method)+" "+path] {
				t.Errorf("%s %s is described and was not tried", strings.ToUpper(method), path)
			}
		}
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, http.MethodTrace} {
			if _, declared := operations[strings.ToLower(method)]; declared {
				continue
			}
			got := send(t, at, ask{method: method, url: base + strings.NewReplacer("{name}", "x", "{id}", "x", "{kind}", "x", "{serial}", "1f", "{target...}", "x").Replace(path), header: header, tls: cfg})
			if got.status != http.StatusMethodNotAllowed || !strings.Contains(strings.ToLower(got.header.Get("Allow")), anyOf(operations)) {
				t.Errorf("%s %s is not described, but answers %d with Allow %q", method, path, got.status, got.header.Get("Allow"))
			}
		}
	}
}

func anyOf(operations map[string]operation) string {
	for method := range operations {
		return method
	}
	return ""
}

// TestRuntimeRoutesAreAsDescribed does the same for the runtime listener (SEC-74, SEC-70).
func TestRuntimeRoutesAreAsDescribed(t *testing.T) {
	d := start(t)
	d.User("ann")
	app := d.Application("shop", "https://shop.example")
	b := testkit.NewBrowser(t, d)
	if v := b.Open(app, "ann", testkit.Password); v.User != "ann" {
		t.Fatalf("sign-in: %+v", v)
	}
	doc := describe(t, send(t, d, ask{method: http.MethodGet, url: d.RuntimeURL + "/openapi.json"}))
	agent := http.Header{"Content-Type": {"application/json"}, "Authorization": {basic(app.Agent, app.Secret)}}
	open := http.Header{"Content-Type": {"application/json"}}
	thief := b.Copy(d)
	form := thief.Get(d.RuntimeURL + "/logout")
	cookies := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Cookie": {cookieHeader(t, thief, d)}, "Sec-Fetch-Site": {"same-origin"}}
	reached := map[string]bool{}
	for _, s := range []struct {
		step
		header http.Header
	}{
		{step{"GET", "/v1/health", "", "", 200}, open},
		{step{"GET", "/openapi.json", "", "", 200}, open},
		{step{"POST", "/session/v1/authenticate", "", `{"user":"ann","password":"` + testkit.Password + `"}`, 200}, open},
		{step{"POST", "/session/v1/authenticate", "", `{"user":"ann","password":"wrong"}`, 401}, open},
		{step{"POST", "/session/v1/authorize", "", fmt.Sprintf(`{"method":"GET","scheme":"https","host":"shop.example","target":"/","cookie":%q}`, b.AgentCookie(app)), 200}, agent},
		{step{"POST", "/session/v1/authorize", "", `{"method":"GET","scheme":"https","host":"shop.example","target":"/","navigation":true}`, 200}, agent},
		{step{"POST", "/session/v1/authorize", "", `{"method":"GET","scheme":"https","host":"shop.example","target":"/%zz"}`, 200}, agent},
		{step{"POST", "/session/v1/redeem", "", `{"host":"shop.example","scheme":"https","code":"c","state":"s","flow_cookies":[]}`, 403}, agent},
		{step{"GET", "/forward-auth", "", "", 200}, asking(app, b)},
		{step{"POST", "/session/v1/logout", "", fmt.Sprintf(`{"cookie":%q}`, b.AgentCookie(app)), 200}, agent},
		{step{"POST", "/session/v1/logout", "", `{"cookie":"c"}`, 200}, agent},
		{step{"GET", "/session/v1/agent", "", "", 200}, agent},
		{step{"POST", "/session/v1/certificate", "", `{"csr_pem":"x"}`, 403}, agent},
		{step{"GET", "/forward-auth", "", "", 302}, asWebServer(app)},
		{step{"GET", "/forward-auth", "/forward-auth?status=401", "", 401}, asWebServer(app)},
		{step{"GET", "/forward-auth", "", "", 403}, open},
		{step{"GET", "/forward-auth/callback", "", "", 303}, signingOut(app)},
		{step{"GET", "/forward-auth/ext-authz/{target...}", "/forward-auth/ext-authz/cart", "", 403}, asWebServer(app)},
		{step{"POST", "/forward-auth/ext-authz/{target...}", "/forward-auth/ext-authz/cart", "", 403}, asWebServer(app)},
		{step{"PUT", "/forward-auth/ext-authz/{target...}", "/forward-auth/ext-authz/cart", "", 403}, asWebServer(app)},
		{step{"PATCH", "/forward-auth/ext-authz/{target...}", "/forward-auth/ext-authz/cart", "", 403}, asWebServer(app)},
		{step{"DELETE", "/forward-auth/ext-authz/{target...}", "/forward-auth/ext-authz/cart", "", 403}, asWebServer(app)},
		{step{"OPTIONS", "/forward-auth/ext-authz/{target...}", "/forward-auth/ext-authz/cart", "", 403}, asWebServer(app)},
		{step{"GET", "/.well-known/jwks.json", "", "", 200}, open},
		{step{"GET", "/login", "", "", 200}, open},
		{step{"GET", "/logout", "", "", 200}, open},
		{step{"GET", "/signed-out", "", "", 200}, open},
		{step{"GET", "/packages/{name}", "/packages/p", "", 303}, open},
		{step{"GET", "/assets/console.css", "", "", 200}, open},
		{step{"GET", "/assets/icon.svg", "", "", 200}, open},
		{step{"GET", "/assets/logo", "", "", 404}, open},
		{step{"GET", "/account/sessions", "", "", 303}, open},
		{step{"GET", "/account/sessions", "", "", 200}, http.Header{"Cookie": {basket(t, d)}}},
		{step{"POST", "/account/sessions", "", url.Values{"token": {form.Hidden.Get("token")}, "others": {"1"}}.Encode(), 303}, cookies},
		{step{"GET", "/account/password", "", "", 303}, open},
		{step{"GET", "/account/password", "", "", 200}, http.Header{"Cookie": {basket(t, d)}}},
		{step{"POST", "/account/password", "", url.Values{"token": {form.Hidden.Get("token")}}.Encode(), 303}, cookies},
		{step{"GET", "/favicon.ico", "", "", 200}, open},
		{step{"GET", "/", "", "", 303}, open},
		{step{"POST", "/login", "", url.Values{"token": {form.Hidden.Get("token")}, "request": {""}, "user": {"ann"}, "password": {testkit.Password}}.Encode(), 303}, cookies},
		{step{"POST", "/logout", "", url.Values{"token": {form.Hidden.Get("token")}}.Encode(), 200}, cookies},
	} {
		o, declared := doc.Paths[s.path][strings.ToLower(s.method)]
		if !declared {
			t.Errorf("%s %s is not described", s.method, s.path)
			continue
		}
		if s.url == "" {
			s.url = s.path
		}
		got := send(t, d, ask{method: s.method, url: d.RuntimeURL + s.url, body: s.body, header: s.header})
		if got.status != s.want {
			t.Errorf("%s %s: %d, want %d: %.300s", s.method, s.path, got.status, s.want, got.body)
		}
		if !strings.HasPrefix(s.path, "/assets/") && s.path != "/favicon.ico" { // files, which are described as pages
			doc.fits(t, o, s.method+" "+s.path, got)
		}
		reached[s.method+" "+s.path] = true
	}
	doc.complete(t, d, d.RuntimeURL, agent, reached, nil)
}

// basket is the Cookie header of somebody who has signed in by themselves.
func basket(t *testing.T, d *testkit.DataCenter) string {
	t.Helper()
	b := testkit.NewBrowser(t, d)
	b.SignIn(d, "ann")
	return cookieHeader(t, b, d)
}

// asking is a web server's question about a browser that is signed in; signingOut about one that follows a link to sign out.
func asking(app testkit.Application, b *testkit.Browser) http.Header {
	h := asWebServer(app)
	h.Set("Cookie", "__Host-concord_agent_shop="+b.AgentCookie(app))
	return h
}

func signingOut(app testkit.Application) http.Header {
	h := asWebServer(app)
	h.Set("X-Forwarded-Uri", "/.concord/logout")
	return h
}

func cookieHeader(t *testing.T, b *testkit.Browser, d *testkit.DataCenter) string {
	t.Helper()
	u, err := url.Parse(d.RuntimeURL)
	if err != nil {
		t.Fatal(err)
	}
	var parts []string
	for _, c := range b.Jar.Cookies(u) {
		parts = append(parts, c.Name+"="+c.Value)
	}
	return strings.Join(parts, "; ")
}

func basic(user, password string) string {
	r := &http.Request{Header: http.Header{}}
	r.SetBasicAuth(user, password)
	return r.Header.Get("Authorization")
}

// TestDescriptionsNameEveryParameter: a path's segments are all declared, so that a generated client can fill them in, and the header by
// which an order may be repeated.
func TestDescriptionsNameEveryParameter(t *testing.T) {
	d := start(t)
	var headers []string
	for path, operations := range describe(t, admin(t, d, http.MethodGet, "/openapi.json", "")).Paths {
		for method, o := range operations {
			var names []string
			for _, p := range o.Parameters {
				if p.In == "path" {
					names = append(names, "{"+p.Name+"}")
				}
				if p.In == "header" {
					headers = append(headers, method+" "+path+" "+p.Name)
				}
			}
			for _, segment := range strings.Split(path, "/") {
				if strings.HasPrefix(segment, "{") && !slices.Contains(names, segment) {
					t.Errorf("%s %s: %s is not declared", method, path, segment)
				}
			}
		}
	}
	if !slices.Equal(headers, []string{"post /v1/certificates " + wire.HeaderIdempotencyKey}) {
		t.Errorf("headers %v", headers)
	}
	_, err := d.Do(client.Request{Method: http.MethodGet, Path: "/openapi.json"})
	if err != nil {
		t.Error(err)
	}
}
