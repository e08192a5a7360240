package httpapi_test

import (
	"net/url"
	"slices"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// TestTheAuditTellsHowPeopleSignedIn: each step that is passed or refused, with its reason, by whom and, of programs, at which agent; and
// of a sign-on the scheme that led to it (SEC-75, SEC-76).
func TestTheAuditTellsHowPeopleSignedIn(t *testing.T) {
	t.Parallel()
	d := testkit.Start(t, "NYDC")[0]
	d.User("ann")
	d.User("bob")
	d.Scheme("both", 5, "certificate", "password")
	d.Scheme("api", 2, "basic")
	safe, api := d.Asks("vault", vault, "both"), d.Asks("bank", "https://bank.example", "api")
	b := testkit.NewBrowser(t, d)
	p := button(b, b.Get(safe.Authorize("").Location))
	b.Show(*certify(d, "user", "ann"))
	p = button(b, p)
	p = b.Submit(p, url.Values{"user": {"bob"}, "password": {testkit.Password}})
	p = b.Submit(p, url.Values{"password": {"wrong"}})
	if p = b.Submit(p, url.Values{"password": {testkit.Password}}); p.Location == "" {
		t.Fatalf("%d %s", p.Status, p.Body)
	}
	program(t, api, basic("bob", "wrong"))
	program(t, api, "Basic %%%")
	program(t, api, basic("bob", testkit.Password))
	for name, want := range map[string]wire.AuditEvent{
		"no certificate":    {Action: "sign_in", Outcome: "refused", Reason: "no_certificate"},
		"the certificate":   {Action: "sign_in_step", Outcome: "ok", Reason: "certificate", User: "ann", Detail: "step 1 of 2 of scheme both"},
		"somebody else":     {Action: "sign_in", Outcome: "refused", Reason: "different_person", User: "ann"},
		"a wrong password":  {Action: "sign_in", Outcome: "refused", Reason: "wrong_password", User: "ann"},
		"the sign-on":       {Action: "sign_in", Outcome: "ok", Reason: "signed_in", User: "ann", Detail: "scheme both: certificate, password"},
		"a wrong program":   {Action: "sign_in", Outcome: "refused", Reason: "wrong_password", User: "bob", Agent: "bank"},
		"no credentials":    {Action: "sign_in", Outcome: "refused", Reason: "wrong_credentials", Agent: "bank"},
		"program's sign-on": {Action: "sign_in", Outcome: "ok", Reason: "signed_in", User: "bob", Agent: "bank", Detail: "scheme api: basic"},
	} {
		d.Within(testkit.Limit, "the audit has "+name, func() bool {
			return slices.ContainsFunc(auditPage(t, d, "limit=1000&action="+want.Action).Items, func(e wire.AuditEvent) bool {
				return e.Outcome == want.Outcome && e.Reason == want.Reason && e.User == want.User && e.Agent == want.Agent && e.Detail == want.Detail
			})
		})
	}
}
