package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

const storePath = "/v1/identity-stores/corp"

func storeBody(t *testing.T, change func(*wire.IdentityStore)) string {
	t.Helper()
	s := wire.IdentityStore{Name: "corp", URLs: []string{"ldaps://ldap.example.com"}, BindDN: "cn=search,dc=example", BindPassword: canary, BindPasswordVersion: 1, UserSearchBase: "dc=example"}
	change(&s)
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func same(*wire.IdentityStore) {}

// TestBindPasswordIsPartOfItsStore: the ETag changes with the password and with nothing else, is the same in every data center,
// and holds for changes; a dry run and a refused batch write nothing; what is sent again changes nothing; the value goes with
// its store, and is never answered (SEC-68).
func TestBindPasswordIsPartOfItsStore(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	d, clone := both[0], both[1]
	testkit.Link(d, clone)
	tagged := func(want int, header, body string) string {
		t.Helper()
		var more []string
		if header != "" {
			more = []string{"If-Match", header}
		}
		got := admin(t, d, http.MethodPut, storePath, body, more...)
		if got.status != want || strings.Contains(got.body, canary) || strings.Contains(got.body, "\"bind_password\":") {
			t.Errorf("%d, want %d: %s", got.status, want, got.body)
		}
		return got.header.Get("ETag")
	}
	without := storeBody(t, func(s *wire.IdentityStore) { s.BindPassword = "" })
	another := storeBody(t, func(s *wire.IdentityStore) { s.BindPassword = otherCanary })
	admin(t, d, http.MethodPut, storePath, without).refused(t, http.StatusBadRequest, "invalid_input")
	first := tagged(http.StatusCreated, "", storeBody(t, same))
	at := d.View().LastSequence
	for name, body := range map[string]string{"again": storeBody(t, same), "kept": without} {
		if tag := tagged(http.StatusOK, first, body); tag != first || d.View().LastSequence != at {
			t.Errorf("%s: the ETag is %s, was %s; %d records", name, tag, first, d.View().LastSequence-at)
		}
	}
	admin(t, d, http.MethodPut, storePath+"?dry_run=true", another)
	admin(t, d, http.MethodPost, "/v1/batch", fmt.Sprintf(`{"operations":[{"kind":"identity_store","name":"corp","method":"PUT","body":%s},{"kind":"group","name":"no name","method":"DELETE"}]}`, another))
	if d.View().LastSequence != at {
		t.Error("a dry run or a refused batch has written")
	}
	second := tagged(http.StatusOK, first, another)
	tagged(http.StatusPreconditionFailed, first, storeBody(t, same))
	if second == first || d.View().LastSequence != at+2 { // the store and its password
		t.Errorf("ETag %s after %s, %d records", second, first, d.View().LastSequence-at)
	}
	patched := admin(t, d, http.MethodPatch, storePath, fmt.Sprintf(`{"bind_password":%q,"bind_password_version":3}`, canary))
	if patched.status != http.StatusOK || patched.header.Get("ETag") == second || strings.Contains(patched.body, canary) {
		t.Errorf("patch: %d %s", patched.status, patched.body)
	}
	batch := admin(t, d, http.MethodPost, "/v1/batch", fmt.Sprintf(`{"operations":[{"kind":"user","name":"ann","method":"PUT","body":{"name":"ann","password":%q}},{"kind":"identity_store","name":"corp","method":"PUT","body":%s}]}`, otherCanary, another))
	if batch.status != http.StatusOK || strings.Contains(batch.body, canary) {
		t.Errorf("batch: %d %s", batch.status, batch.body)
	}
	testkit.InStep(d, clone)
	now := admin(t, d, http.MethodGet, storePath, "").header.Get("ETag")
	if there := admin(t, clone, http.MethodGet, storePath, ""); there.header.Get("ETag") != now || now == patched.header.Get("ETag") {
		t.Errorf("ETag %s at the clone, %s at the master, %s before", there.header.Get("ETag"), now, patched.header.Get("ETag"))
	}
	if tag := tagged(http.StatusOK, now, another); tag != now { // that of the batch is in force
		t.Error("the password of the batch was lost")
	}
	if got := admin(t, clone, http.MethodPut, "/v1/overrides/identity_store/corp", fmt.Sprintf(`{"kind":"identity_store","name":"corp","values":{"bind_password":%q}}`, canary)); got.status != http.StatusBadRequest || !strings.Contains(got.body, "is a secret") {
		t.Errorf("an override of the password: %d %s", got.status, got.body)
	}
	writable := true
	clone.Put("/v1/data-center", wire.DataCenter{ClusterID: "LDC", Role: "clone", WriteEnabled: &writable})
	admin(t, clone, http.MethodPut, storePath, storeBody(t, same)).refused(t, http.StatusBadRequest, "invalid_input")
	if got := admin(t, clone, http.MethodPatch, storePath, `{"description":"of here"}`); got.status != http.StatusOK {
		t.Errorf("an edit without the password: %d %s", got.status, got.body)
	}
	clone.Delete("/v1/replication/divergences/identity_store/corp")
	at = d.View().LastSequence
	admin(t, d, http.MethodDelete, storePath, "")
	if n := d.View().LastSequence - at; n != 2 {
		t.Errorf("%d records of a deletion: the store's and its password's are wanted", n)
	}
	tagged(http.StatusBadRequest, "", without) // the password went with the store
	testkit.InStep(d, clone)
}

// TestIdentityStoreRefusals: each fault has its place, and an address with a password in it is not repeated.
func TestIdentityStoreRefusals(t *testing.T) {
	d := start(t)
	for pointer, change := range map[string]func(*wire.IdentityStore){
		"/name":                func(s *wire.IdentityStore) { s.Name = "local" },
		"/urls":                func(s *wire.IdentityStore) { s.URLs = nil },
		"/urls/0":              func(s *wire.IdentityStore) { s.URLs = []string{"ldap://ldap.example.com"} },
		"/urls/1":              func(s *wire.IdentityStore) { s.URLs = append(s.URLs, "ldaps://me:"+canary+"@ldap.example.com") },
		"/ca_certificate_pem":  func(s *wire.IdentityStore) { s.CACertificatePEM = "x" },
		"/bind_dn":             func(s *wire.IdentityStore) { s.BindDN = "cn=a,=b" },
		"/bind_password":       func(s *wire.IdentityStore) { s.BindDN = "" },
		"/user_search_base":    func(s *wire.IdentityStore) { s.UserSearchBase = "" },
		"/user_filter":         func(s *wire.IdentityStore) { s.UserFilter = "(uid=ann)" },
		"/user_name_attribute": func(s *wire.IdentityStore) { s.UserNameAttribute = "uid)(x" },
		"/group_filter":        func(s *wire.IdentityStore) { s.GroupFilter = "(member={dn})" },
		"/member_of_attribute": func(s *wire.IdentityStore) { s.GroupSearchBase, s.MemberOfAttribute = "dc=example", "memberOf" },
		"/nested_groups":       func(s *wire.IdentityStore) { s.NestedGroups = true },
		"/attribute_mapping/email": func(s *wire.IdentityStore) {
			s.EmailAttribute, s.AttributeMapping = "mail", map[string]string{"email": "mail"}
		},
		"/attribute_mapping/a":    func(s *wire.IdentityStore) { s.AttributeMapping = map[string]string{"a": "*"} },
		"/display_name_attribute": func(s *wire.IdentityStore) { s.DisplayNameAttribute = "*" },
		"/connect_timeout":        func(s *wire.IdentityStore) { s.ConnectTimeout = "1m" },
		"/request_timeout":        func(s *wire.IdentityStore) { s.RequestTimeout = "1ms" },
		"/page_size":              func(s *wire.IdentityStore) { s.PageSize = new(1) },
		"/pool_size":              func(s *wire.IdentityStore) { s.PoolSize = new(0) },
	} {
		got := admin(t, d, http.MethodPut, storePath, storeBody(t, change))
		var problem wire.Problem
		if err := json.Unmarshal([]byte(got.body), &problem); err != nil || got.status != http.StatusBadRequest || len(problem.Errors) != 1 || problem.Errors[0].Pointer != pointer || strings.Contains(got.body, canary) {
			t.Errorf("%s: %d %s", pointer, got.status, got.body)
		}
	}
	for filter, ok := range map[string]bool{"(uid={user})": true, "(&(objectClass=person)(|(uid={user})(mail={user})))": true, "uid={user}": false, "(uid={user}": false, "(uid={user}))": false,
		"(uid={user})(cn=x)": false, "(uid={name}{user})": false, "(&(uid={user})(x))": false, "(member={dn})(uid={user})": false} {
		got := admin(t, d, http.MethodPut, storePath, storeBody(t, func(s *wire.IdentityStore) { s.UserFilter = filter }))
		if (got.status < 300) != ok {
			t.Errorf("%s: %d %s", filter, got.status, got.body)
		}
	}
	for url, change := range map[string]func(*wire.IdentityStore){"ldap://127.0.0.1:389": same, "ldap://[::1]": same, "ldap://ldap.example.com:3890": func(s *wire.IdentityStore) { s.StartTLS = true },
		"ldap://ldap.example.com": func(s *wire.IdentityStore) { s.AllowPlaintext = true }} {
		got := admin(t, d, http.MethodPut, storePath, storeBody(t, func(s *wire.IdentityStore) { s.URLs = []string{url}; change(s) }))
		if got.status >= 300 {
			t.Errorf("%s: %d %s", url, got.status, got.body)
		}
	}
}

// TestStoresAreValidated: each data center is asked how it finds each store; one that is down is told where it is down, one that is
// missing or looks for other people is told too, and what a data center has of its own is shown (OAM-12).
func TestStoresAreValidated(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	d, clone := both[0], both[1]
	testkit.Link(d, clone)
	here, there := testkit.Slapd(t, ""), testkit.Slapd(t, "")
	store := here.Store("corp")
	store.CACertificatePEM += there.CACertPEM
	d.Put(storePath, store)
	testkit.InStep(d, clone)
	found := func(of *testkit.DataCenter) (out []string) {
		t.Helper()
		var v wire.Validation
		of.Get("/v1/validate", &v)
		for _, f := range v.Findings {
			out = append(out, f.Severity+" "+f.Code+" "+f.Subject)
		}
		slices.Sort(out)
		return out
	}
	tested := func() (v wire.IdentityStoreTest) {
		t.Helper()
		if _, err := d.Do(client.Request{Method: http.MethodPost, Path: storePath + "/test", Out: &v}); err != nil {
			t.Fatal(err)
		}
		return v
	}
	wants := func(when string, of *testkit.DataCenter, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, found(of)); diff != "" {
			t.Errorf("%s, at %s: %s", when, of.ClusterID, diff)
		}
	}
	wants("all is well", d)
	wants("all is well", clone)
	over := func(values string) {
		t.Helper()
		clone.Put("/v1/overrides/identity_store/corp", wire.Override{Kind: "identity_store", Name: "corp", Values: []byte(values), BindPassword: testkit.DirectorySecret})
	}
	over(fmt.Sprintf(`{"urls":[%q]}`, there.SecureURL))
	v := tested()
	if v.Result != wire.ResultPass || len(v.DataCenters) != 2 || v.DataCenters[0].ClusterID != "NYDC" || v.DataCenters[1].Checks[0].Server != there.SecureURL || !slices.Equal(v.DataCenters[1].Overridden, []string{"/urls"}) {
		t.Errorf("test: %+v", v)
	}
	there.Kill()
	wants("down at the clone", d, "error identity_store_reachable identity_store corp at LDC")
	wants("down at the clone", clone, "error identity_store_reachable identity_store corp")
	if v := tested(); v.Result != wire.ResultFail || v.DataCenters[0].Result != wire.ResultPass || v.DataCenters[1].Checks[0].Name != "reachable" {
		t.Errorf("test: %+v", v)
	}
	over(fmt.Sprintf(`{"urls":[%q,%q],"user_search_base":%q,"start_tls":false,"allow_plaintext":true}`, there.SecureURL, here.SecureURL, testkit.DirectoryGroups))
	wants("another server serves, other people", d, "warning identity_store_differs identity_store corp at LDC", "warning identity_store_reachable identity_store corp at LDC")
	writable := true
	clone.Put("/v1/data-center", wire.DataCenter{ClusterID: "LDC", Role: "clone", WriteEnabled: &writable})
	clone.Delete("/v1/overrides/identity_store/corp")
	clone.Delete(storePath)
	if got := found(d); !slices.Contains(got, "error identity_store_missing identity_store corp") {
		t.Errorf("missing at the clone: %v", got)
	}
	clone.Put("/v1/partner-profile", wire.PartnerProfile{AgentID: testkit.AgentID})
	if got := found(d); !slices.Contains(got, "warning identity_stores_unknown edge NYDC to LDC") {
		t.Errorf("a clone that tells nobody: %v", got)
	}
}
