package httpapi_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// SEC-05, SEC-12: a revoked certificate of a person ends, in every data center, the sign-ons that were made by it, whichever step of the scheme
// took it: where the issuing data center made them, and where another one did that has the list of its partner. Others go on.
func TestARevokedCertificateEndsItsSignOns(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	ny, ldn := both[0], both[1]
	testkit.Link(ny, ldn)
	for _, name := range []string{"ann", "bob", "eve"} {
		ny.User(name)
	}
	ny.Scheme("card", 2, "certificate", "password")
	app := ny.Asks("vault", vault, "card")
	testkit.InStep(both...)
	serials := map[string]string{}
	sign := func(user string, at *testkit.DataCenter) *testkit.Browser {
		t.Helper()
		c := ny.Certify("user", user, "1h")
		serials[user] = c.Serial
		b := testkit.NewBrowser(t, both...)
		b.Show(c)
		here := app.Through(at)
		p := b.Submit(b.Get(here.Authorize("").Location), url.Values{})
		if p = b.Submit(p, url.Values{"user": {user}, "password": {testkit.Password}}); p.Status != http.StatusSeeOther {
			t.Fatalf("%s at %s: %d %s", user, at.ClusterID, p.Status, p.Body)
		}
		for _, d := range both {
			if v := b.Open(app.Through(d), "", ""); v.User != user {
				t.Fatalf("%s at %s: %+v", user, d.ClusterID, v)
			}
		}
		return b
	}
	sign("ann", ny)
	sign("bob", ldn)
	other := sign("eve", ldn)
	for _, user := range []string{"ann", "bob"} {
		if _, err := ny.Do(client.Request{Method: http.MethodPost, Path: "/v1/certificates/" + serials[user] + "/revoke", In: wire.CertificateRevocation{}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range both {
		for _, user := range []string{"ann", "bob"} {
			d.Within(testkit.Limit, user+"'s sessions end", func() bool {
				var page wire.Page[wire.SessionView]
				_, err := d.Do(client.Request{Method: http.MethodGet, Path: "/v1/sessions", Query: url.Values{"user": {user}}, Out: &page})
				return err == nil && len(page.Items) == 0 // connections are cut when a certificate is revoked
			})
		}
		if v := other.Open(app.Through(d), "", ""); v.Asked || len(d.Sessions("eve")) != 1 {
			t.Errorf("%s: another person's sign-on: %+v", d.ClusterID, v)
		}
	}
	events := auditPage(t, ldn, "user=bob&action=sign_out")
	if len(events.Items) == 0 || events.Items[0].Reason != "certificate_revoked" {
		t.Errorf("the audit: %+v", events.Items)
	}
}
