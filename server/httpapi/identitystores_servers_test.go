package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// SEC-61, SEC-68: who writes an identity store, or lays something over it, has its password sent to no other server, and to none that is
// believed for less, without knowing it: at the master, at a clone, in a batch, by PUT and PATCH. What sends it to fewer is free.
func TestABindPasswordGoesToItsServersAlone(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	d, clone := both[0], both[1]
	testkit.Link(d, clone)
	own, foreign := d.CACertPEM, clone.CACertPEM
	store := wire.IdentityStore{Name: "corp", URLs: []string{"ldaps://a.example.com", "ldap://b.example.com"}, StartTLS: true, CACertificatePEM: own,
		BindDN: "cn=search", BindPassword: canary, UserSearchBase: "dc=example"}
	d.Put(storePath, store)
	d.Put("/v1/identity-stores/open", wire.IdentityStore{Name: "open", URLs: []string{"ldaps://a.example.com"}, UserSearchBase: "dc=example"})
	testkit.InStep(both...)
	const laid = "/v1/overrides/identity_store/corp"
	over := func(values, more string) string {
		return fmt.Sprintf(`{"kind":"identity_store","name":"corp","values":%s%s}`, values, more)
	}
	needed := func(what string, got answer) {
		t.Helper()
		if p := got.refused(t, http.StatusBadRequest, "invalid_input"); len(p.Errors) != 1 || p.Errors[0].Pointer != "/bind_password" {
			t.Errorf("%s: %+v", what, p.Errors)
		}
	}
	taken := func(what string, got answer) {
		t.Helper()
		if got.status >= 300 {
			t.Errorf("%s: %d %s", what, got.status, got.body)
		}
	}
	for what, values := range map[string]string{
		"another server":       `{"urls":["ldaps://evil.example.com"]}`,
		"one more server":      `{"urls":["ldaps://a.example.com","ldap://b.example.com","ldaps://evil.example.com"]}`,
		"another port":         `{"urls":["ldaps://a.example.com:6360"]}`,
		"in clear":             `{"start_tls":false,"allow_plaintext":true}`,
		"plaintext allowed":    `{"allow_plaintext":true}`,
		"another root":         fmt.Sprintf(`{"ca_certificate_pem":%q}`, foreign),
		"one more root":        fmt.Sprintf(`{"ca_certificate_pem":%q}`, own+foreign),
		"the machine's roots":  `{"ca_certificate_pem":null}`,
		"without TLS of ldap:": `{"start_tls":false,"urls":["ldaps://a.example.com"]}`,
	} {
		needed(what, admin(t, d, http.MethodPatch, storePath, values))
		needed(what+", laid over", admin(t, d, http.MethodPut, laid, over(values, "")))
		needed(what+", laid over at the clone", admin(t, clone, http.MethodPut, laid, over(values, "")))
		needed(what+", by a guess", admin(t, clone, http.MethodPut, laid, over(values, `,"bind_password":"a guess of it"`)))
		got := admin(t, d, http.MethodPost, "/v1/batch", fmt.Sprintf(`{"operations":[{"method":"PATCH","kind":"identity_store","name":"corp","body":%s}]}`, values))
		if p := got.refused(t, http.StatusBadRequest, "invalid_input"); len(p.Errors) != 1 || p.Errors[0].Pointer != "/operations/0/body/bind_password" {
			t.Errorf("%s in a batch: %+v", what, p.Errors)
		}
		taken(what+", of a store without a password", admin(t, d, http.MethodPatch, "/v1/identity-stores/open?dry_run=true", `{"urls":["ldaps://evil.example.com"]}`))
	}
	for what, values := range map[string]string{
		"fewer servers": `{"urls":["ldap://b.example.com"]}`, "another order": `{"urls":["ldap://b.example.com","ldaps://a.example.com"]}`, "other people": `{"user_search_base":"dc=org"}`,
		"nobody searches": `{"bind_dn":null,"urls":["ldaps://evil.example.com"]}`,
	} {
		taken(what, admin(t, d, http.MethodPatch, storePath+"?dry_run=true", values))
		taken(what+", laid over", admin(t, clone, http.MethodPut, laid+"?dry_run=true", over(values, "")))
	}
	// An override by which nobody signs in sends nothing, and is no permission to send it.
	taken("nobody searches, laid over", admin(t, clone, http.MethodPut, laid, over(`{"bind_dn":null,"urls":["ldaps://evil.example.com"]}`, "")))
	needed("somebody searches again", admin(t, clone, http.MethodPut, laid, over(`{"urls":["ldaps://evil.example.com"]}`, "")))
	if got := admin(t, clone, http.MethodDelete, laid, ""); got.status != http.StatusNoContent {
		t.Fatal(got.status, got.body)
	}
	got := admin(t, clone, http.MethodPut, laid, over(`{"urls":["ldaps://london.example.com","ldaps://a.example.com"]}`, fmt.Sprintf(`,"bind_password":%q`, canary)))
	if taken("who knows it", got); got.status >= 300 {
		t.FailNow()
	}
	if body := got.body + admin(t, clone, http.MethodGet, laid, "").body; len(body) == 0 || strings.Contains(body, canary) || strings.Contains(body, `"bind_password"`) {
		t.Errorf("it is told: %s", body)
	}
	taken("what lies there already", admin(t, clone, http.MethodPatch, laid, `{"values":{"urls":["ldaps://london.example.com"],"page_size":50}}`))
	needed("beyond what lies there", admin(t, clone, http.MethodPatch, laid, `{"values":{"urls":["ldaps://paris.example.com"]}}`))
	taken("a new password for new servers", admin(t, d, http.MethodPatch, storePath, `{"urls":["ldaps://new.example.com"],"bind_password":"another one of theirs"}`))
	taken("the password again for other servers", admin(t, d, http.MethodPatch, storePath, `{"urls":["ldaps://newer.example.com"],"bind_password":"another one of theirs"}`))
	if p := admin(t, d, http.MethodPut, "/v1/overrides/setting/x", `{"kind":"setting","name":"x","values":{"value":"v"},"bind_password":"of nothing"}`).refused(t, http.StatusBadRequest, "invalid_input"); p.Errors[0].Pointer != "/bind_password" {
		t.Errorf("of a setting: %+v", p.Errors)
	}
}
