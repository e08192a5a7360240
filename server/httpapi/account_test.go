package httpapi_test

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// listed gives the sign-on ids of the forms on a person's page, in their order.
func listed(t *testing.T, p testkit.Page) (ids []string) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(p.Body))
	if err != nil {
		t.Fatal(err)
	}
	for n := range doc.Descendants() {
		name, value := "", ""
		for _, a := range n.Attr {
			switch a.Key {
			case "name":
				name = a.Val
			case "value":
				value = a.Val
			}
		}
		if n.Data == "input" && name == "sso" {
			ids = append(ids, value)
		}
	}
	return ids
}

// end clicks a button of the page.
func end(b *testkit.Browser, p testkit.Page, field, value string) testkit.Page {
	p.Action, p.Hidden = "/account/sessions", url.Values{"token": p.Hidden["token"]}
	return b.Submit(p, url.Values{field: {value}})
}

// TestPeopleSeeAndEndTheirOwnSignOns over all data centers, and nobody else's (OAM-37, SEC-02, SEC-15, SEC-31).
func TestPeopleSeeAndEndTheirOwnSignOns(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	testkit.Link(both[0], both[1])
	nydc, ldc := both[0], both[1]
	for _, name := range []string{"ann", "bob"} {
		nydc.User(name)
	}
	app := nydc.Application("shop", shop)
	testkit.InStep(both...)
	desk, phone, bob := testkit.NewBrowser(t, both...), testkit.NewBrowser(t, both...), testkit.NewBrowser(t, both...)
	first := desk.Get(nydc.RuntimeURL + "/account/sessions")
	if first.Status != http.StatusSeeOther || first.Location != "/login?to=sessions" {
		t.Fatalf("nobody: %d to %s", first.Status, first.Location)
	}
	if p := desk.Submit(desk.Get(nydc.RuntimeURL+first.Location), url.Values{"user": {"ann"}, "password": {testkit.Password}}); p.Location != "/account/sessions" {
		t.Errorf("after the sign-in: %d to %s", p.Status, p.Location)
	}
	phone.Open(app.Through(ldc), "ann", testkit.Password)
	bob.SignIn(nydc, "bob")
	page := desk.Get(nydc.RuntimeURL + "/account/sessions")
	ids := listed(t, page)
	if len(ids) != 2 || ids[0] == ids[1] || !strings.Contains(page.Body, "LDC") || strings.Count(page.Body, "This browser") != 1 || strings.Contains(page.Body, "Could not be asked") {
		t.Fatalf("ann sees %v in %s", ids, page.Body)
	}
	mine := nydc.Sessions("ann")[0].SSOID
	theirs := ids[0]
	if theirs == mine {
		theirs = ids[1]
	}
	if p := end(desk, page, "sso", nydc.Sessions("bob")[0].SSOID); p.Location != "/account/sessions?done=gone" || len(nydc.Sessions("bob")) != 1 {
		t.Errorf("ann ends bob's: %d to %s, %d are left", p.Status, p.Location, len(nydc.Sessions("bob")))
	}
	thief := page
	if p := end(bob, thief, "sso", theirs); p.Status != http.StatusForbidden || len(ldc.Sessions("ann")) != 1 {
		t.Errorf("with a token of another browser: %d", p.Status)
	}
	for _, values := range []url.Values{{}, {"sso": {theirs}, "others": {"1"}}, {"sso": {theirs, theirs}}, {"everything": {"1"}}} {
		p := page
		p.Action, p.Hidden = "/account/sessions", url.Values{"token": page.Hidden["token"]}
		if p := desk.Submit(p, values); p.Status != http.StatusBadRequest {
			t.Errorf("%v: %d", values, p.Status)
		}
	}
	if p := end(desk, page, "sso", theirs); p.Location != "/account/sessions?done=ended" {
		t.Errorf("ann ends her phone's: %d to %s", p.Status, p.Location)
	}
	phone.WaitChallenged(app.Through(ldc), testkit.Limit)
	if got := listed(t, desk.Get(nydc.RuntimeURL+"/account/sessions?done=ended")); len(got) != 1 || got[0] != mine {
		t.Errorf("left are %v", got)
	}
	for range 2 {
		b := testkit.NewBrowser(t, both...)
		b.SignIn(ldc, "ann")
	}
	if p := end(desk, page, "others", "1"); p.Location != "/account/sessions?done=ended" || len(ldc.Sessions("ann")) != 0 || len(nydc.Sessions("ann")) != 1 {
		t.Errorf("all others: %d to %s, %d and %d are left", p.Status, p.Location, len(ldc.Sessions("ann")), len(nydc.Sessions("ann")))
	}
	ldc.Stop()
	if p := desk.Get(nydc.RuntimeURL + "/account/sessions"); !strings.Contains(p.Body, "Could not be asked: LDC.") {
		t.Errorf("with LDC down: %s", p.Body)
	}
	if p := end(desk, page, "sso", mine); p.Status != http.StatusOK || !strings.Contains(p.Body, "You are signed out") || len(nydc.Sessions("ann")) != 0 {
		t.Errorf("ann ends this browser's: %d %s", p.Status, p.Body)
	}
}

// TestPagesSayTheNextStep: too many tries are said, whoever is signed in is not told to sign in, and what may work in a moment
// can be tried again.
func TestPagesSayTheNextStep(t *testing.T) {
	d, _ := signInHost(t)
	for _, name := range []string{"bob", "nobody-of-this-name"} {
		b := testkit.NewBrowser(t, d)
		p := b.Get(d.RuntimeURL + "/login")
		said := map[string]int{}
		for range 12 {
			p = b.Submit(p, url.Values{"user": {name}, "password": {"wrong"}})
			for _, sentence := range []string{"The user name or the password is wrong.", "Too many wrong passwords"} {
				said[sentence] += strings.Count(p.Body, sentence)
			}
		}
		if said["The user name or the password is wrong."] != 5 || said["Too many wrong passwords"] != 7 {
			t.Errorf("%s is told %v", name, said)
		}
	}
	ann := testkit.NewBrowser(t, d)
	if p := ann.Get(d.RuntimeURL + "/login?request=x"); !strings.Contains(p.Body, ">Sign in</a>") {
		t.Errorf("nobody: %s", p.Body)
	}
	ann.SignIn(d, "ann")
	if p := ann.Get(d.RuntimeURL + "/login?request=x"); strings.Contains(p.Body, ">Sign in</a>") || !strings.Contains(p.Body, ">To your account</a>") {
		t.Errorf("who is signed in: %s", p.Body)
	}
	d.Package(wire.Package{Name: "p", Users: []string{"ann"}}, []byte("content"))
	if err := filepath.WalkDir(filepath.Join(d.DataDir, "blobs"), func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() && len(e.Name()) > 64 {
			return os.Remove(path)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if p := ann.Get(d.RuntimeURL + "/packages/p?x=1"); p.Status != http.StatusServiceUnavailable || !strings.Contains(p.Body, `href="/packages/p?x=1">Try again</a>`) {
		t.Errorf("503: %d %s", p.Status, p.Body)
	}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, d.RuntimeURL+"/login?request=x", nil)
	req.Header.Set("Accept-Language", "de-CH, fr;q=0.5")
	p := ann.Do(req)
	if !strings.Contains(p.Body, `lang="de"`) || !strings.Contains(p.Body, "Zu Ihrem Konto") || p.Header.Get("Content-Language") != "de" || p.Header.Get("Vary") != "Accept-Language" {
		t.Errorf("in German: %v %s", p.Header, p.Body)
	}
}
