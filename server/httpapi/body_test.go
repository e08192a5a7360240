package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestBodiesAreReadStrictly sends what a lenient reader would take in one way or another (SEC-28, SEC-60, SEC-62). Each is
// refused with a reason, and nothing is written.
func TestBodiesAreReadStrictly(t *testing.T) {
	d := start(t)
	many := func(n int) string {
		var b strings.Builder
		b.WriteString(`{"name":"u","attributes":{`)
		for i := range n {
			fmt.Fprintf(&b, `"k%d":"",`, i)
		}
		return b.String() + `"z":""}}`
	}
	for _, c := range []struct {
		name, path, body string
		status           int
		code, pointer    string
	}{
		{"unknown field", "/v1/groups/u", `{"name":"u","nam":"u"}`, 400, "invalid_input", "/nam"},
		{"read-only field", "/v1/groups/u", `{"name":"u","id":"u"}`, 400, "invalid_input", "/id"},
		{"planted hash", "/v1/users/u", `{"name":"u","password":{"hash":"$argon2id$v=19$m=8,t=1,p=1$YWFhYWFhYWE$YWFhYWFhYWE"}}`, 400, "invalid_input", "/password"},
		{"own epoch", "/v1/data-center", `{"cluster_id":"NYDC","role":"standalone","epoch":9}`, 400, "invalid_input", "/epoch"},
		{"repeated field", "/v1/groups/u", `{"name":"u","name":"u"}`, 400, "invalid_input", "/name"},
		{"repeated field, once escaped", "/v1/groups/u", `{"name":"u","n\u0061me":"u"}`, 400, "invalid_input", "/name"},
		{"repeated field inside", "/v1/users/u", `{"name":"u","attributes":{"a":"1","a":"2"}}`, 400, "invalid_input", "/attributes/a"},
		{"repeated field, spread out", "/v1/users/u", "{ \"name\" :\t\"u\" ,\r\n \"attributes\" : { \"a\" : \"1\" , \"a\" : \"2\" } }", 400, "invalid_input", "/attributes/a"},
		{"unknown field in a list", "/v1/authorization-policies/u", `{"name":"u","rules":[{"effect":"allow"},{"users":["a","]"],"efect":"allow"}]}`, 400, "invalid_input", "/rules/1/efect"},
		{"unknown field behind quotes", "/v1/groups/u", `{"description":"\\\"},{\"","nam":[],"name":"u"}`, 400, "invalid_input", "/nam"},
		{"unknown field with quotes", "/v1/groups/u", `{"name":"u","a\"b":-1.5e3}`, 400, "invalid_input", `/a"b`},
		{"other case", "/v1/groups/u", `{"Name":"u"}`, 400, "invalid_input", "/Name"},
		{"both cases", "/v1/groups/u", `{"name":"u","NAME":"v"}`, 400, "invalid_input", "/NAME"},
		{"wrong type", "/v1/groups/u", `{"name":5}`, 400, "invalid_input", "/name"},
		{"wrong type inside", "/v1/users/u", `{"name":"u","groups":"all"}`, 400, "invalid_input", "/groups"},
		{"deep", "/v1/groups/u", strings.Repeat("[", 100_000), 400, "invalid_json", ""},
		{"deep inside", "/v1/users/u", `{"name":"u","attributes":` + strings.Repeat(`{"a":`, 100_000), 400, "invalid_json", ""},
		{"very many keys", "/v1/users/u", many(60_000), 400, "invalid_json", ""},
		{"too many keys for a user", "/v1/users/u", many(200), 400, "invalid_input", "/attributes"},
		{"a million keys", "/v1/users/u", many(1_000_000), 413, "body_too_large", ""},
		{"two mebibytes", "/v1/groups/u", `{"name":"` + strings.Repeat("u", 2<<20) + `"}`, 413, "body_too_large", ""},
		{"a very long number", "/v1/groups/u", `{"name":` + strings.Repeat("9", 900_000) + `}`, 400, "invalid_input", "/name"},
		{"invalid UTF-8", "/v1/groups/u", "{\"name\":\"u\",\"description\":\"\xff\xfe\"}", 400, "invalid_json", ""},
		{"trailing value", "/v1/groups/u", `{"name":"u"}{"name":"u"}`, 400, "invalid_json", ""},
		{"trailing text", "/v1/groups/u", `{"name":"u"} x`, 400, "invalid_json", ""},
		{"cut off", "/v1/groups/u", `{"name":"u"`, 400, "invalid_json", ""},
		{"nothing", "/v1/groups/u", ` `, 400, "invalid_json", ""},
		{"null", "/v1/session-policy", `null`, 400, "invalid_json", ""},
		{"a list", "/v1/session-policy", `[]`, 400, "invalid_json", ""},
		{"a string", "/v1/session-policy", `"x"`, 400, "invalid_json", ""},
		{"control characters", "/v1/groups/u", `{"name":"u","description":"a\r\nb"}`, 400, "invalid_input", "/description"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := admin(t, d, http.MethodPut, c.path, c.body).refused(t, c.status, c.code)
			for _, e := range p.Errors {
				if e.Pointer == c.pointer {
					return
				}
			}
			if c.pointer != "" {
				t.Errorf("no error at %s: %+v", c.pointer, p.Errors)
			}
		})
	}
	for _, path := range []string{"/v1/groups/u", "/v1/users/u"} {
		if got := admin(t, d, http.MethodGet, path, ""); got.status != http.StatusNotFound {
			t.Errorf("%s was written: %s", path, got.body)
		}
	}
}

// TestPatchesAreReadStrictly is the same for merge patches (RFC 7396).
func TestPatchesAreReadStrictly(t *testing.T) {
	d := start(t)
	if got := admin(t, d, http.MethodPut, "/v1/groups/g", `{"name":"g","description":"old"}`); got.status != http.StatusCreated {
		t.Fatalf("put: %d %s", got.status, got.body)
	}
	before := admin(t, d, http.MethodGet, "/v1/session-policy", "")
	for _, c := range []struct{ name, path, body, code string }{
		{"unknown field", "/v1/groups/g", `{"nam":"x"}`, "invalid_input"},
		{"other case", "/v1/groups/g", `{"Description":"x"}`, "invalid_input"},
		{"repeated", "/v1/groups/g", `{"description":"x","description":"y"}`, "invalid_input"},
		{"another name", "/v1/groups/g", `{"name":"h"}`, "invalid_input"},
		{"no name", "/v1/groups/g", `{"name":null}`, "invalid_input"},
		{"null", "/v1/session-policy", `null`, "invalid_json"},
		{"a list", "/v1/session-policy", `[{"idle_timeout":"1m"}]`, "invalid_json"},
		{"deep", "/v1/groups/g", strings.Repeat(`{"a":`, 100_000), "invalid_json"},
	} {
		t.Run(c.name, func(t *testing.T) {
			admin(t, d, http.MethodPatch, c.path, c.body, "Content-Type", "application/merge-patch+json").refused(t, http.StatusBadRequest, c.code)
		})
	}
	if got := admin(t, d, http.MethodGet, "/v1/groups/g", ""); !strings.Contains(got.body, `"old"`) {
		t.Errorf("the group was changed: %s", got.body)
	}
	if got := admin(t, d, http.MethodGet, "/v1/session-policy", ""); got.body != before.body {
		t.Errorf("the session policy was changed: %s", got.body)
	}
	got := admin(t, d, http.MethodPatch, "/v1/groups/g", `{"description":null}`)
	if got.status != http.StatusOK || strings.Contains(got.body, "old") {
		t.Errorf("a null takes a field away: %d %s", got.status, got.body)
	}
}

// TestBodiesOfAnotherTypeAreRefused: a form that another site sends must not be taken for JSON (SEC-15, STD-03).
func TestBodiesOfAnotherTypeAreRefused(t *testing.T) {
	d := start(t)
	for _, contentType := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonp", "", ";"} {
		h := http.Header{"Authorization": {"Bearer " + d.Token}}
		if contentType != "" {
			h.Set("Content-Type", contentType)
		}
		for _, method := range []string{http.MethodPut, http.MethodPatch} {
			send(t, d, ask{method: method, url: d.Endpoint + "/v1/groups/g", body: `{"name":"g"}`, header: h}).refused(t, http.StatusUnsupportedMediaType, "unsupported_media_type")
		}
		send(t, d, ask{method: http.MethodPost, url: d.RuntimeURL + "/session/v1/authenticate", body: `{"user":"a","password":"b"}`, header: h}).
			refused(t, http.StatusUnsupportedMediaType, "unsupported_media_type")
	}
}

// TestQueriesAreReadStrictly: a repeated parameter would be read in two ways by two parts (SEC-28).
func TestQueriesAreReadStrictly(t *testing.T) {
	d := start(t)
	for _, q := range []string{"limit=0", "limit=1001", "limit=x", "limit=-1", "limit=1&limit=2", "cursor=x&cursor=y", "nonsense=1", "Limit=1"} {
		admin(t, d, http.MethodGet, "/v1/groups?"+q, "").refused(t, http.StatusBadRequest, "invalid_input")
	}
}
