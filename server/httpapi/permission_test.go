package httpapi_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/httpapi"
)

// matrix is what each role may do at each route, written by hand and not from the declarations. A line has a route and a letter for
// each role, in the order of roles:
//
//	.  refused: 403 forbidden
//	x  let through: whatever the route then says
//	o  let through to those objects that are in the role's security domain; the matrix asks for one that is in A
//	h  let through, and the object in A is hidden: the answer is the one for a name that nobody has
//	p  open to everybody
//
// "none" has no permission, "reader" reads everything, "operator" operates everything, "A" and "B" read, write and operate every kind in
// one security domain, "full" may everything.
const matrix = `
                                                        none reader operator A B full
GET    /v1/health                                        p p p p p p
GET    /v1/ready                                         p p p p p p
GET    /v1/crl                                           p p p p p p
POST   /v1/security-contexts                             p p p p p p
GET    /openapi.json                                     x x x x x x
GET    /metrics                                          . x . . . x
GET    /v1/security-contexts                             . x . . . x
POST   /v1/security-contexts/{id}/renew                  x x x x x x
DELETE /v1/security-contexts/{id}                        . . x . . x
POST   /v1/admin-tokens                                  . . . . . x
POST   /v1/batch                                         x x x x x x
GET    /v1/locks                                         x x x x x x
GET    /v1/locks/{kind}/{name}                           . x . o h x
PUT    /v1/locks/{kind}/{name}                           . . . o h x
DELETE /v1/locks/{kind}/{name}                           . . . o h x
GET    /v1/overrides                                     x x x x x x
GET    /v1/overrides/{kind}/{name}                       . x . o h x
PUT    /v1/overrides/{kind}/{name}                       . . . o . x
PATCH  /v1/overrides/{kind}/{name}                       . . . o h x
DELETE /v1/overrides/{kind}/{name}                       . . . o h x
GET    /v1/data-center                                   . x . . . x
PUT    /v1/data-center                                   . . . . . x
PATCH  /v1/data-center                                   . . . . . x
DELETE /v1/data-center                                   . . . . . x
GET    /v1/nodes                                         . x . . . x
POST   /v1/data-center/promote                           . . x . . x
POST   /v1/data-center/demote                            . . x . . x
GET    /v1/partner-profile                               . x . . . x
PUT    /v1/partner-profile                               . . . . . x
PATCH  /v1/partner-profile                               . . . . . x
DELETE /v1/partner-profile                               . . . . . x
GET    /v1/session-policy                                . x . . . x
PUT    /v1/session-policy                                . . . . . x
PATCH  /v1/session-policy                                . . . . . x
DELETE /v1/session-policy                                . . . . . x
GET    /v1/password-policy                               . x . . . x
PUT    /v1/password-policy                               . . . . . x
PATCH  /v1/password-policy                               . . . . . x
DELETE /v1/password-policy                               . . . . . x
POST   /v1/partners/{name}/test                          . . x . . x
POST   /v1/identity-stores/{name}/test                   . . x . . x
GET    /v1/partners/{name}/trust                         . x . . . x
GET    /v1/trust/bundle                                  . x . . . x
POST   /v1/trust/bundle/rotate                           . . x . . x
GET    /v1/trust/expiry                                  . x . . . x
GET    /v1/trust/matrix                                  . x . . . x
POST   /v1/trust/inspect                                 . . x . . x
POST   /v1/trust/join                                    . . . . . x
GET    /v1/trust/join-tokens                             . x . . . x
POST   /v1/trust/join-tokens                             . . . . . x
DELETE /v1/trust/join-tokens/{id}                        . . . . . x
GET    /v1/certificates                                  . x . . . x
POST   /v1/certificates                                  . . . . . x
GET    /v1/certificates/{serial}                         . x . . . x
POST   /v1/certificates/{serial}/renew                   . . . . . x
POST   /v1/certificates/{serial}/revoke                  . . . . . x
POST   /v1/certificate-revocations                       . . . . . x
GET    /v1/replication/agreements                        . x . . . x
POST   /v1/replication/agreements                        . . . . . x
GET    /v1/replication/agreements/{id}                   . x . . . x
PATCH  /v1/replication/agreements/{id}                   . . . . . x
DELETE /v1/replication/agreements/{id}                   . . . . . x
POST   /v1/replication/agreements/{id}/pull              . . x . . x
POST   /v1/replication/agreements/{id}/verify            . . x . . x
GET    /v1/replication/status                            . x . . . x
GET    /v1/replication/hello                             . x . . . x
GET    /v1/replication/changelog                         . x . . . x
GET    /v1/replication/divergences                       . x . . . x
DELETE /v1/replication/divergences/{kind}/{name}         . . . x . x
GET    /v1/replication/conflicts                         . x . . . x
GET    /v1/replication/conflicts/{id}                    . x . . . x
DELETE /v1/replication/conflicts/{id}                    . . x . . x
POST   /v1/replication/conflicts/{id}/reapply            . x . . . x
GET    /oam/services/rest/_replication/hello             x x x x x x
POST   /oam/services/rest/_replication/setup             . . . . . x
GET    /oam/services/rest/_replication/agreements        . x . . . x
GET    /oam/services/rest/_replication/{id}              . x . . . x
PUT    /oam/services/rest/_replication/{id}              . . . . . x
DELETE /oam/services/rest/_replication/{id}              . . . . . x
GET    /v1/sessions                                      . x . . . x
GET    /v1/sessions/{id}                                 . x . . . x
DELETE /v1/sessions/{id}                                 . . x . . x
GET    /v1/cookie-keys                                   . x . . . x
POST   /v1/cookie-keys/rotate                            . . x . . x
POST   /v1/cookie-keys/revoke                            . . x . . x
POST   /v1/policies/evaluate                             . x . x x x
POST   /v1/simulate                                      . x . . . x
GET    /v1/audit-events                                  . x . . . x
GET    /v1/audit-events/verify                           . x . . . x
GET    /v1/validate                                      . x . . . x
POST   /v1/validate                                      . . x . . x
GET    /v1/blobs/{sha256}                                . x . . . x
PUT    /v1/blobs/{sha256}                                . . . . . x
GET    /v1/security-domains                              . x . x x x
GET    /v1/security-domains/{name}                       . x . h h x
GET    /v1/{owned}                                       . x . x x x
GET    /v1/{owned}/{name}                                . x . o h x
PUT    /v1/{owned}/{name}                                . . . o . x
PATCH  /v1/{owned}/{name}                                . . . o h x
DELETE /v1/{owned}/{name}                                . . . o h x
GET    /v1/{common}                                      . x . . . x
GET    /v1/{common}/{name}                               . x . . . x
PUT    /v1/{common}/{name}                               . . . . . x
PATCH  /v1/{common}/{name}                               . . . . . x
DELETE /v1/{common}/{name}                               . . . . . x
`

// Kinds whose objects a security domain may own, each with a body; and those that belong to none. What has a name in the matrix stands
// for all of a line.
func owned(name, domain string) map[string]string {
	in := fmt.Sprintf(`"name":%q,"security_domain":%q`, name, domain)
	return map[string]string{
		"groups":                 `{` + in + `}`,
		"users":                  `{` + in + `}`,
		"applications":           `{` + in + `,"hosts":["` + name + `.example"],"resources":{}}`,
		"authorization-policies": `{` + in + `,"rules":[]}`,
		"authentication-schemes": `{` + in + `,"steps":[{"method":"password"}]}`,
		"identity-stores":        `{` + in + `,"urls":["ldaps://127.0.0.1:1"],"user_search_base":"dc=example"}`,
		"agents":                 `{` + in + `,"hosts":["https://` + name + `.example"]}`,
		"admin-roles":            `{` + in + `,"permissions":[]}`,
	}
}

func common(name string) map[string]string {
	return map[string]string{
		"security-domains":   fmt.Sprintf(`{"name":%q}`, name),
		"settings":           fmt.Sprintf(`{"name":%q,"value":"v"}`, name),
		"admin-tokens":       fmt.Sprintf(`{"name":%q,"roles":["nothing"],"token":"0123456789abcdef0123456789abcdef"}`, name),
		"packages":           fmt.Sprintf(`{"name":%q,"sha256":"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881","size":1}`, name),
		"partners":           fmt.Sprintf(`{"cluster_id":%q,"agent_id":"mesh","primary":["127.0.0.1:1"]}`, name),
		"trust/certificates": fmt.Sprintf(`{"name":%q,"certificate_pem":"x"}`, name),
	}
}

// roles are those of the matrix, with their permissions.
func rolesOfMatrix(d *testkit.DataCenter) map[string]string {
	d.Put("/v1/security-domains/A", wire.SecurityDomain{Name: "A"})
	d.Put("/v1/security-domains/B", wire.SecurityDomain{Name: "B"})
	every := []string{"read", "write", "operate"}
	tokens := map[string]string{}
	for name, p := range map[string][]wire.Permission{
		"none": {}, "reader": {{Actions: []string{"read"}, Kinds: []string{"*"}}}, "operator": {{Actions: []string{"operate"}, Kinds: []string{"*"}}},
		"A": {{Actions: every, Kinds: []string{"*"}, SecurityDomains: []string{"A"}}}, "B": {{Actions: every, Kinds: []string{"*"}, SecurityDomains: []string{"B"}}},
		"full": {{Actions: every, Kinds: []string{"*"}}},
	} {
		d.Role("role-"+name, wire.AdminRole{Permissions: p})
		tokens[name] = d.AdminToken("token-"+name, "role-"+name)
	}
	d.Role("nothing", wire.AdminRole{Permissions: []wire.Permission{}})
	return tokens
}

func as(t *testing.T, d *testkit.DataCenter, token, method, path, body string) answer {
	t.Helper()
	h := http.Header{"Authorization": {"Bearer " + token}}
	if body != "" {
		h.Set("Content-Type", "application/json")
	}
	return send(t, d, ask{method: method, url: d.Endpoint + path, body: body, header: h})
}

// TestEveryRouteSaysWhatItNeeds: a route that says nothing is open to nobody, and is a mistake.
func TestEveryRouteSaysWhatItNeeds(t *testing.T) {
	t.Parallel()
	for _, r := range httpapi.AdminRoutes() {
		if !r.Declared {
			t.Errorf("%s %s does not say what it needs", r.Method, r.Path)
		}
	}
}

// SEC-61, SEC-72, TAM-11: every route and every role, and nobody at all, at a real data center. What a role may not is refused with 403 before anything is
// looked at; what is another domain's is answered as what is not there.
func TestPermissionMatrix(t *testing.T) {
	d := start(t)
	tokens := rolesOfMatrix(d)
	for collection, body := range owned("x", "A") {
		if got := admin(t, d, http.MethodPut, "/v1/"+collection+"/x", body); got.status != http.StatusCreated {
			t.Fatalf("put %s: %d %s", collection, got.status, got.body)
		}
	}
	d.Put("/v1/settings/x", wire.Setting{Name: "x", Value: "v"})
	d.Put("/v1/security-domains/x", wire.SecurityDomain{Name: "x"})
	d.Put("/v1/overrides/application/x", wire.Override{Kind: "application", Name: "x", Values: []byte(`{"hosts":["y.example"]}`)})
	lines, heads := map[string][]string{}, []string{}
	for line := range strings.Lines(matrix) {
		f := strings.Fields(line)
		switch {
		case len(f) == 6:
			heads = f
		case len(f) == 8:
			lines[f[0]+" "+f[1]] = f[2:]
		case len(f) > 0:
			t.Fatalf("a line of the matrix has %d fields: %s", len(f), line)
		}
	}
	pool := &http.Transport{TLSClientConfig: d.TLS(), DisableCompression: true}
	defer pool.CloseIdleConnections()
	via := func(token, method, path, body string) answer {
		a := ask{method: method, url: d.Endpoint + path, body: body, header: http.Header{}, pool: pool}
		if token != "" {
			a.header.Set("Authorization", "Bearer "+token)
		}
		if body != "" {
			a.header.Set("Content-Type", "application/json")
		}
		return send(t, d, a)
	}
	used := map[string]bool{}
	for _, r := range httpapi.AdminRoutes() {
		line, collection := lineOf(r)
		want, there := lines[line]
		if used[line] = true; !there {
			t.Errorf("%s %s is not in the matrix", r.Method, r.Path)
			continue
		}
		for i, role := range heads {
			checkCell(t, via, r, tokens[role], collection, want[i], role)
		}
		if got := via("", r.Method, strings.NewReplacer("{", "", "}", "").Replace(r.Path), ""); (got.status == http.StatusUnauthorized) == (want[0] == "p") {
			t.Errorf("nobody: %s %s: %d %s", r.Method, r.Path, got.status, got.body)
		}
	}
	for line := range lines {
		if !used[line] {
			t.Errorf("the matrix has %s, the listener has not", line)
		}
	}
}

// lineOf is the line of the matrix that a route stands in, and its collection where the line stands for several.
func lineOf(r httpapi.AdminRoute) (line, collection string) {
	if r.Method == http.MethodGet && strings.HasPrefix(r.Path, "/v1/security-domains") { // read by who acts in one, and written as the others
		return r.Method + " " + r.Path, ""
	}
	for stand, bodies := range map[string]map[string]string{"{owned}": owned("", ""), "{common}": common("")} {
		for c := range bodies {
			if rest, ok := strings.CutPrefix(r.Path, "/v1/"+c); ok && (rest == "" && r.Method == http.MethodGet || rest == "/{name}") {
				return r.Method + " /v1/" + stand + rest, c
			}
		}
	}
	return r.Method + " " + r.Path, ""
}

// checkCell asks without changing anything: writes are dry runs, or say what no route takes.
func checkCell(t *testing.T, via func(token, method, path, body string) answer, r httpapi.AdminRoute, token, collection, want, role string) {
	t.Helper()
	at := func(name string) answer {
		path := strings.NewReplacer("{kind}", "application", "{name}", name, "{id}", "x", "{serial}", "1f", "{sha256}", strings.Repeat("0", 64)).Replace(r.Path)
		body := ""
		switch {
		case r.Path == "/v1/locks/{kind}/{name}" && r.Method == http.MethodPut:
			body = `{"owner":"o"}`
		case strings.Contains(r.Path, "/overrides/"):
			if body = `{"values":{"hosts":["z.example"]}}`; r.Method == http.MethodPut {
				body = fmt.Sprintf(`{"kind":"application","name":%q,"values":{"hosts":["z.example"]}}`, name)
			}
		case collection != "" && r.Method == http.MethodPut && owned("", "")[collection] != "":
			body = owned(name, "A")[collection]
		case collection != "" && r.Method == http.MethodPut:
			body = common(name)[collection]
		case collection != "" && r.Method == http.MethodPatch:
			body = `{"description":"d"}`
		case r.Path == "/v1/session-policy", r.Path == "/v1/partner-profile", r.Path == "/v1/data-center", r.Method == http.MethodPost, r.Method == http.MethodPatch, r.Method == http.MethodPut:
			body = `{"no_such_field":1}`
		}
		if r.Method == http.MethodDelete || r.Method == http.MethodGet {
			body = ""
		}
		if slices.Contains([]string{http.MethodPut, http.MethodPatch, http.MethodDelete}, r.Method) && (collection != "" || strings.Contains(r.Path, "/overrides/") || strings.Count(r.Path, "/") == 2) {
			path += "?dry_run=true"
		}
		return via(token, r.Method, path, body)
	}
	got := at("x")
	code := ""
	if got.status >= 400 && strings.Contains(got.header.Get("Content-Type"), "problem") {
		code = got.problem(t).Code
	}
	what := fmt.Sprintf("%s: %s %s (%s)", role, r.Method, r.Path, collection)
	switch want {
	case ".":
		if got.status != http.StatusForbidden || code != "forbidden" {
			t.Errorf("%s: %d %s, want it refused", what, got.status, got.body)
		}
	case "x", "o", "p":
		if code == "forbidden" || got.status == http.StatusUnauthorized {
			t.Errorf("%s: %d %s, want it let through", what, got.status, got.body)
		}
		if want == "o" && got.status == http.StatusNotFound && r.Method != http.MethodDelete && !strings.Contains(r.Path, "/locks/") {
			t.Errorf("%s: %d %s, want the object", what, got.status, got.body)
		}
	case "h":
		none := at("nobody-has-this")
		if got.status != http.StatusNotFound || none.status != got.status || withoutID(t, got) != strings.ReplaceAll(withoutID(t, none), "nobody-has-this", "x") {
			t.Errorf("%s: %d %s, for a name that nobody has %d %s", what, got.status, got.body, none.status, none.body)
		}
	default:
		t.Errorf("%s: %q is no letter of the matrix", what, want)
	}
}

func withoutID(t *testing.T, a answer) string {
	t.Helper()
	return strings.ReplaceAll(a.body, a.problem(t).RequestID, "")
}
