package httpapi_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

const vault = "https://vault.example"

// TestStepUp: an application whose scheme is of a higher level than the session asks for that scheme, and says why. The sign-in makes new
// ids in the place of the old ones, in every data center; an application that was open before is open again without a form, and whoever
// stole the browser's cookies before has nothing (SEC-01, OAM-18, OAM-33, OAM-35).
func TestStepUp(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	ny, ldn := both[0], both[1]
	testkit.Link(ny, ldn)
	ny.User("ann")
	ny.Scheme("strong", 2, "password")
	wiki, safe := ny.Application("shop", shop), ny.Asks("vault", vault, "strong")
	testkit.InStep(both...)
	b := testkit.NewBrowser(t, both...)
	if v := b.Open(wiki, "ann", testkit.Password); v.User != "ann" {
		t.Fatalf("the shop: %+v", v)
	}
	if v := b.Open(wiki.Through(ldn), "", ""); v.Asked || v.User != "ann" {
		t.Fatalf("the shop at LDC: %+v", v)
	}
	before := ny.Sessions("ann")[0]
	if before.Level != 1 || before.Scheme != "password" || !slices.Equal(before.Methods, []string{"password"}) {
		t.Errorf("signed in with %q %v, level %d", before.Scheme, before.Methods, before.Level)
	}
	thief := b.Copy(both...)
	v := b.Open(safe, "", "")
	if !v.Asked || !strings.Contains(v.Page.Body, "stronger sign-in") || !strings.Contains(v.Page.Body, `value="ann"`) {
		t.Fatalf("the vault does not say what it wants: %s", v.Page.Body)
	}
	if v := b.Open(safe, "ann", testkit.Password); v.User != "ann" {
		t.Fatalf("the vault: %+v", v)
	}
	after := ny.Sessions("ann")
	if len(after) != 1 || after[0].ID == before.ID || after[0].SSOID == before.SSOID || after[0].Level != 2 || after[0].Scheme != "strong" {
		t.Errorf("after the step-up: %+v, before %+v", after, before)
	}
	for _, at := range both {
		if v := b.Open(wiki.Through(at), "", ""); v.Asked || v.User != "ann" {
			t.Errorf("%s: the shop is not open by itself again: %+v", at.ClusterID, v)
		}
		if v := b.Open(safe.Through(at), "", ""); v.Asked || v.User != "ann" {
			t.Errorf("%s: the vault: %+v", at.ClusterID, v)
		}
		at.Within(10*time.Second, "cookies of before the step-up open nothing", func() bool { return thief.Open(wiki.Through(at), "", "").Asked })
	}
	adopted := ldn.Sessions("ann")
	if len(adopted) != 1 || adopted[0].Level != 2 || adopted[0].Scheme != "strong" || adopted[0].Origin == nil {
		t.Errorf("LDC has %+v", adopted)
	}
}

// TestLevelsThatCannotBeReached: a scheme that is not there, or whose level another data center set higher, ends in a page that says so and
// not in circles; a scheme in use cannot be deleted, and an override of its level is felt at once.
func TestLevelsThatCannotBeReached(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	ny, ldn := both[0], both[1]
	testkit.Link(ny, ldn)
	ny.User("ann")
	ny.Scheme("strong", 2, "password")
	safe := ny.Asks("vault", vault, "strong")
	testkit.InStep(both...)
	if _, err := ny.Do(client.Request{Method: http.MethodDelete, Path: "/v1/authentication-schemes/strong"}); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a scheme in use was deleted: %v", err)
	}
	ldn.Put("/v1/overrides/authentication_scheme/strong", wire.Override{Kind: "authentication_scheme", Name: "strong", Values: json.RawMessage(`{"level":3}`)})
	b := testkit.NewBrowser(t, both...)
	answer := safe.Through(ldn).Authorize("")
	here := strings.Replace(answer.Location, ldn.RuntimeURL, ny.RuntimeURL, 1) // as one host name for both would lead there
	if p := b.Get(here); p.Status != http.StatusConflict || !strings.Contains(p.Body, "stronger sign-in than this data center offers") {
		t.Errorf("a level that this data center does not have: %d %s", p.Status, p.Body)
	}
	answer = safe.Authorize("")
	ny.Put("/v1/applications/vault", wire.Application{Name: "vault", Hosts: []string{"vault.example"}})
	ny.Delete("/v1/authentication-schemes/strong")
	if p := b.Get(answer.Location); p.Status != http.StatusConflict || !strings.Contains(p.Body, "not set up any more") {
		t.Errorf("a scheme that is gone: %d %s", p.Status, p.Body)
	}
}

// TestPeopleEndAtThePageTheyAskedFor: after a link that lay open for hours, after a form that expired, and after a sign-in in another tab; where
// the browser lost its way, a page leads to the agent's start page (SEC-15, SEC-27).
func TestPeopleEndAtThePageTheyAskedFor(t *testing.T) {
	t.Parallel()
	now := clock.NewManual(time.Now())
	d := testkit.StartWith(t, testkit.Options{Clock: now}, "NYDC")[0]
	d.User("ann")
	app := d.Application("shop", shop)
	d.Put("/v1/agents/shop", wire.Agent{Name: "shop", Hosts: []string{shop}, StartPage: shop + "/home"})
	const page = shop + "/reports?page=1"
	b := testkit.NewBrowser(t, d)
	answer := app.Authorize("")
	form := b.Get(answer.Location)

	now.Advance(30 * time.Minute)
	done := b.Submit(form, url.Values{"user": {"ann"}, "password": {testkit.Password}})
	if done.Status != http.StatusSeeOther || done.Location != page {
		t.Errorf("a sign-in after half an hour leads to %d %q", done.Status, done.Location)
	}
	if v := b.Open(app, "", ""); v.Asked || v.User != "ann" {
		t.Errorf("from there: %+v", v)
	}
	if again := b.Get(answer.Location); again.Location != page {
		t.Errorf("the old link of another tab leads to %d %q", again.Status, again.Location)
	}

	second := testkit.NewBrowser(t, d)
	answer = app.Authorize("")
	form = second.Get(answer.Location)
	now.Advance(61 * time.Minute)
	stale := second.Submit(form, url.Values{"user": {"ann"}, "password": {testkit.Password}})
	if stale.Status != http.StatusForbidden || !strings.Contains(stale.Body, `href="/login?request=`) {
		t.Errorf("a form after an hour: %d %s", stale.Status, stale.Body)
	}
	form = second.Get(answer.Location)
	if done := second.Submit(form, url.Values{"user": {"ann"}, "password": {testkit.Password}}); done.Location != page {
		t.Errorf("repeated: %d %q", done.Status, done.Location)
	}
	now.Advance(13 * time.Hour)
	if p := second.Get(answer.Location); p.Status != http.StatusBadRequest {
		t.Errorf("a link of yesterday: %d", p.Status)
	}

	lost := testkit.NewBrowser(t, d)
	answer = app.Authorize("")
	back, err := url.Parse(lost.Submit(lost.Get(answer.Location), url.Values{"user": {"ann"}, "password": {testkit.Password}}).Location)
	if err != nil {
		t.Fatal(err)
	}
	_, err = app.Redeem(back.Query().Get("code"), back.Query().Get("state"), nil)
	if err == nil || !strings.Contains(err.Error(), "cannot be finished") || hintOf(err) != shop+"/home" {
		t.Errorf("without the flow cookie: %v, hint %q", err, hintOf(err))
	}
}

// TestAssertionsTellHowSomebodySignedIn: acr is the scheme, amr its methods in the words of RFC 8176.
func TestAssertionsTellHowSomebodySignedIn(t *testing.T) {
	d := start(t)
	d.User("ann")
	d.Scheme("both", 7, "password", "certificate")
	app := d.Asks("vault", vault, "both")
	b := testkit.NewBrowser(t, d)
	b.Show(d.Certify("user", "ann", "1h"))
	p := b.Submit(b.Get(app.Authorize("").Location), url.Values{"user": {"ann"}, "password": {testkit.Password}})
	if p = b.Submit(p, url.Values{}); p.Status != http.StatusSeeOther {
		t.Fatalf("the second step: %d %s", p.Status, p.Body)
	}
	if v := b.Open(app, "", ""); v.User != "ann" {
		t.Fatalf("%+v", v)
	}
	headers := app.Authorize(b.AgentCookie(app)).Headers
	var says struct {
		ACR   string   `json:"acr"`
		AMR   []string `json:"amr"`
		Level int      `json:"level"`
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(headers[wire.HeaderAssertion], ".")[1])
	if err != nil || json.Unmarshal(payload, &says) != nil {
		t.Fatalf("assertion %q", headers[wire.HeaderAssertion])
	}
	if says.ACR != "both" || !slices.Equal(says.AMR, []string{"pwd", "pop", "mfa"}) || says.Level != 7 || headers[wire.HeaderLevel] != "7" {
		t.Errorf("it says %+v, header %s", says, headers[wire.HeaderLevel])
	}
}

func hintOf(err error) string {
	f, _ := errors.AsType[*fault.Error](err)
	if f == nil {
		return ""
	}
	return f.Hint
}
