package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// auditPage asks a data center for its audit.
func auditPage(t *testing.T, d *testkit.DataCenter, query string) (page wire.AuditPage) {
	t.Helper()
	d.Get("/v1/audit-events?"+query, &page)
	return page
}

// awaits waits until a record of that query is there: what is noted is written a moment later.
func awaits(t *testing.T, d *testkit.DataCenter, query string) (e wire.AuditEvent) {
	t.Helper()
	d.Within(testkit.Limit, "audit has "+query, func() bool {
		page := auditPage(t, d, query)
		if len(page.Items) > 0 {
			e = page.Items[0]
		}
		return len(page.Items) > 0
	})
	return e
}

// TestTheAuditTellsAPersonsWay: sign-in, the refused ones with their reason, adoption with the rule that decided, handing over,
// sign-out and what it ends elsewhere; what is refused because it was signed out; never in an answer to the person.
func TestTheAuditTellsAPersonsWay(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	testkit.Link(both[0], both[1])
	nydc, ldc := both[0], both[1]
	nydc.User("ann")
	app := nydc.Application("shop", shop)
	testkit.InStep(both...)
	b := testkit.NewBrowser(t, both...)
	if v := b.Open(app, "ann", "wrong"); v.User != "" {
		t.Fatalf("%+v", v)
	}
	b.Open(app, "ann", testkit.Password)
	b.Open(app.Through(ldc), "", "")
	old := b.Copy(both...)
	b.SignOut(nydc)
	old.WaitChallenged(app.Through(ldc), testkit.Limit)
	send(t, nydc, ask{method: http.MethodPost, url: nydc.RuntimeURL + "/session/v1/authenticate", body: `{"user":"nobody","password":"x"}`, header: http.Header{"Content-Type": {"application/json"}}})
	for _, c := range []struct {
		d             *testkit.DataCenter
		query, reason string
		agent         string
		address       bool
	}{
		{nydc, "action=sign_in&user=ann&outcome=refused", "wrong_password", "", true},
		{nydc, "action=sign_in&user=nobody", "unknown_user", "", true},
		{nydc, "action=sign_in&user=ANN&outcome=ok", "signed_in", "", true},
		{nydc, "action=hand_over&user=ann&actor=partner:LDC", "found", "", true},
		{ldc, "action=adopt&user=ann", "adopted_found", "shop", false},
		{nydc, "action=sign_out&user=ann", "sign_out", "", true},
		{nydc, "action=end&user=ann", "revoked", "", true},
		{ldc, "action=end&user=ann", "revoked", "", true},
		{ldc, "action=find&user=ann&outcome=refused&agent=shop", "challenge_tombstone", "shop", false},
	} {
		e := awaits(t, c.d, c.query)
		if e.Reason != c.reason || e.Agent != c.agent || c.address && e.ClientAddress != "127.0.0.1" || e.DataCenter != c.d.ClusterID || e.Chain != "runtime" || e.RequestID == "" && e.Action != "end" {
			t.Errorf("%s: %s: %+v", c.d.ClusterID, c.query, e)
		}
	}
	if e := auditPage(t, ldc, "action=adopt").Items[0]; !strings.Contains(e.Detail, "from NYDC, session ") || e.SSOID != auditPage(t, nydc, "action=sign_in&outcome=ok").Items[0].SSOID {
		t.Errorf("%+v", e)
	}
	for _, d := range both {
		var v wire.AuditVerification
		d.Get("/v1/audit-events/verify", &v)
		if v.Result != wire.ResultPass || len(v.Chains) != 2 {
			t.Errorf("%+v", v)
		}
	}
}

// TestScopeAllIsInTheOrderOfTime over both data centers and both chains, page by page and as lines; a partner that lets nobody
// manage it, or does not answer, is named and never waited for without end. A partner reads only with leave (CAMS-L1, SEC-47).
func TestScopeAllIsInTheOrderOfTime(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	testkit.Link(both[0], both[1])
	nydc, ldc := both[0], both[1]
	nydc.User("ann")
	testkit.InStep(both...)
	for i := range 12 {
		d := both[i%2]
		testkit.NewBrowser(t, d).SignIn(d, "ann")
	}
	var all []wire.AuditEvent
	query := url.Values{"scope": {"all"}, "limit": {"5"}}
	for pages := 0; ; pages++ {
		page := auditPage(t, nydc, query.Encode())
		if len(page.Silent) > 0 || len(page.Items) > 5 || pages > 100 {
			t.Fatalf("%+v", page)
		}
		all = append(all, page.Items...)
		if page.NextCursor == "" {
			break
		}
		query.Set("cursor", page.NextCursor)
	}
	centers, chains := map[string]int{}, map[string]int{}
	for i, e := range all {
		centers[e.DataCenter]++
		chains[e.Chain]++
		if i > 0 && e.Time.After(all[i-1].Time) {
			t.Errorf("%s of %s at %v comes behind %v", e.Action, e.DataCenter, e.Time, all[i-1].Time)
		}
	}
	if centers["NYDC"] < 8 || centers["LDC"] < 7 || chains["acts"] == 0 || chains["runtime"] < 12 {
		t.Errorf("%v %v", centers, chains)
	}
	query = url.Values{"scope": {"all"}, "order": {"oldest"}}
	got := send(t, nydc, ask{method: http.MethodGet, url: nydc.Endpoint + "/v1/audit-events?" + query.Encode(), header: http.Header{"Authorization": {"Bearer " + nydc.Token}, "Accept": {wire.AuditLinesType}}})
	var lines []wire.AuditEvent
	for line := range strings.Lines(got.body) {
		var e wire.AuditEvent
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		lines = append(lines, e)
	}
	slices.Reverse(all)
	if len(lines) != len(all) || got.header.Get("Content-Type") != wire.AuditLinesType || got.header.Get(wire.HeaderSilent) != "" {
		t.Errorf("%d lines, %d records in pages; %v", len(lines), len(all), got.header)
	}
	if limited := admin(t, nydc, http.MethodGet, "/v1/audit-events?format=jsonl&limit=3", ""); strings.Count(limited.body, "\n") != 3 {
		t.Errorf("limit=3 gave %q", limited.body)
	}
	if page := auditPage(t, nydc, "scope=all&data_center=ldc&limit=1000"); len(page.Items) != centers["LDC"] {
		t.Errorf("%d records of LDC", len(page.Items))
	}
	ldc.Put("/v1/partner-profile", wire.PartnerProfile{AgentID: testkit.AgentID})
	if page := auditPage(t, nydc, "scope=all&limit=1000"); !slices.Equal(page.Silent, []string{"LDC"}) || len(page.Items) < centers["NYDC"] {
		t.Errorf("without leave: silent %v, %d records", page.Silent, len(page.Items))
	}
	ldc.Stop()
	got = admin(t, nydc, http.MethodGet, "/v1/audit-events?scope=all&format=jsonl", "")
	if got.header.Get(wire.HeaderSilent) != "LDC" || strings.Contains(got.body, `"data_center":"LDC"`) {
		t.Errorf("without LDC: %v", got.header)
	}
}

// TestTheAuditRefusesWhatIsNoQuestion with what is wrong; a cursor is good for its own question only (SEC-73).
func TestTheAuditRefusesWhatIsNoQuestion(t *testing.T) {
	d := start(t)
	d.User("ann")
	d.User("bob")
	for _, query := range []string{"from=yesterday", "to=2026", "outcome=maybe", "order=random", "scope=everything", "format=csv", "limit=0", "limit=1001", "data_center=a+b", "user=" + strings.Repeat("u", 300), "who=ann", "cursor=x"} {
		admin(t, d, http.MethodGet, "/v1/audit-events?"+query, "").refused(t, http.StatusBadRequest, "invalid_input")
	}
	cursor := auditPage(t, d, "limit=1").NextCursor
	if cursor == "" || len(auditPage(t, d, "limit=1&cursor="+cursor).Items) != 1 {
		t.Errorf("the second page is not there: %q", cursor)
	}
	admin(t, d, http.MethodGet, "/v1/audit-events?user=ann&cursor="+cursor, "").refused(t, http.StatusBadRequest, "invalid_input")
	later := url.QueryEscape(time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	if page := auditPage(t, d, "from="+later); len(page.Items) != 0 || page.NextCursor != "" {
		t.Errorf("%+v", page)
	}
}

// TestRefusedCallersAreInTheAudit: a wrong token, a wrong agent, cookies that do not open, a code that nobody issued (SEC-06); a
// thousand of them are a few records.
func TestRefusedCallersAreInTheAudit(t *testing.T) {
	d := start(t)
	d.User("ann")
	app := d.Application("shop", shop)
	send(t, d, ask{method: http.MethodGet, url: d.Endpoint + "/v1/users", header: http.Header{"Authorization": {"Bearer wrong"}}})
	send(t, d, ask{method: http.MethodPost, url: d.RuntimeURL + "/session/v1/authorize", body: "{}", header: http.Header{"Content-Type": {"application/json"}, "Authorization": {basic("shop", "wrong")}}})
	for i := range 300 {
		app.Authorize(fmt.Sprintf("c1.NYDC.%022d", i))
	}
	_, _ = app.Redeem("c1.NYDC.AAAA", "AAAAAAAAAAAAAAAAAAAAAA", nil)
	for query, reason := range map[string]string{
		"action=refuse&object=route/GET%20/v1/users":              "wrong_token",
		"action=refuse&object=route/POST%20/session/v1/authorize": "wrong_agent",
		"action=find&agent=shop&outcome=refused":                  "challenge_bad_cookie",
		"action=redeem&agent=shop&outcome=refused":                "code_refused",
	} {
		if e := awaits(t, d, query); e.Reason != reason {
			t.Errorf("%s: %+v", query, e)
		}
	}
	if n := len(auditPage(t, d, "action=find&limit=1000").Items); n > 3 {
		t.Errorf("300 forged cookies are %d records", n)
	}
	if f := figures(t, d); f[`concord_audit_counted_total`] < 290 || f[`concord_audit_head_seq{chain="runtime"}`] < 4 || f[`concord_audit_head_seq{chain="acts"}`] < 2 {
		t.Errorf("%v %v %v", f[`concord_audit_counted_total`], f[`concord_audit_head_seq{chain="runtime"}`], f[`concord_audit_head_seq{chain="acts"}`])
	}
}
