package app_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// journey is one person with a real browser before nginx and three data centers, which are programs of their own. A load balancer
// stands before all three, as seen by the browser and by nginx.
type journey struct {
	t                 *testing.T
	home, second, far *testkit.Process // the second one is the master
	balancer          *testkit.Proxy
	toFar             []*testkit.Proxy // what crosses the links of the far one
	site              *testkit.WebServer
	browser           *testkit.Chromium
	direct            *http.Client // of whoever has stolen cookies
}

func newJourney(t *testing.T) *journey {
	t.Helper()
	all := testkit.StartProcesses(t, program(t), "LDC", "NYDC", "PARIS")
	j := &journey{t: t, second: all[0], home: all[1], far: all[2]}
	testkit.Link(&all[0].DataCenter, centers(all[1:])...)
	for _, near := range []*testkit.Process{j.home, j.second} {
		j.toFar = append(j.toFar, between(t, near, j.far), between(t, j.far, near))
	}
	j.balancer = testkit.NewProxy(t, runtimeOf(j.home))
	address := testkit.NewSite(t)
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "hello "+r.Header.Get("X-Concord-User"))
	}))
	t.Cleanup(app.Close)
	const secret = "a-secret-of-the-web-server"
	d := &j.second.DataCenter
	d.User("ann")
	d.Put("/v1/agents/web", wire.Agent{Name: "web", Hosts: []string{"https://" + address}, Secret: secret})
	d.Put("/v1/applications/web", wire.Application{Name: "web", Hosts: []string{address}, Resources: map[string]wire.Resource{"all": {Paths: []string{"/**"}}}})
	j.policy(false)
	roots := ""
	for _, p := range all {
		roots += p.CACertPEM
	}
	j.site = testkit.Nginx(t, address, testkit.Site{Application: strings.TrimPrefix(app.URL, "http://"), Agent: "web", Secret: secret, Runtime: j.balancer.Address, CACertPEM: roots})
	trust, err := client.TLSFromPEM(roots+j.site.CertPEM, "", "")
	if err != nil {
		t.Fatal(err)
	}
	j.direct = &http.Client{Transport: &http.Transport{TLSClientConfig: trust, DisableKeepAlives: true}, Timeout: testkit.Limit, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	j.browser = testkit.NewChromium(t, testkit.Screen{Width: 1280, Height: 900}, runtimeOf(all[0]), runtimeOf(all[1]), runtimeOf(all[2]), address)
	return j
}

func runtimeOf(p *testkit.Process) string { return strings.TrimPrefix(p.RuntimeURL, "https://") }

// between puts a proxy on the way from one data center to another.
func between(t *testing.T, from, to *testkit.Process) *testkit.Proxy {
	t.Helper()
	proxy, behind := testkit.NewProxy(t, to.PeerAddress), to.DataCenter
	behind.PeerAddress = proxy.Address
	from.Trusts(&behind)
	return proxy
}

// policy sets what happens where the home of a sign-on cannot be asked, in every data center that is there.
func (j *journey) policy(goesOn bool) {
	j.t.Helper()
	j.second.Put("/v1/session-policy", wire.SessionPolicy{SignInURL: "https://" + j.balancer.Address, ContinueOnSyncFailure: &goesOn})
	testkit.InStep(&j.second.DataCenter, &j.far.DataCenter)
}

// opens goes to the application by way of a data center.
func (j *journey) opens(at *testkit.Process, page string) (text string) {
	j.t.Helper()
	j.balancer.Lead(runtimeOf(at))
	j.browser.Open(j.site.Origin + "/reports?at=" + page)
	return j.browser.Text()
}

func (j *journey) served(at *testkit.Process, page, rule string) {
	j.t.Helper()
	if got := j.opens(at, page); got != "hello ann" {
		j.t.Fatalf("%s at %s: at %s: %q", page, at.ClusterID, j.browser.Where(), got)
	}
	if s := at.Sessions("ann"); len(s) != 1 || s[0].Rule != rule {
		j.t.Fatalf("%s at %s: sessions %+v; want one by the rule %s", page, at.ClusterID, s, rule)
	}
}

func (j *journey) challenged(at *testkit.Process, page string) {
	j.t.Helper()
	if j.opens(at, page); !strings.HasPrefix(j.browser.Where(), "https://"+j.balancer.Address+"/login?request=") {
		j.t.Fatalf("%s at %s: the browser is at %s, not asked for a password", page, at.ClusterID, j.browser.Where())
	}
}

// replayed sends cookies to the application and to the sign-in host by way of a data center, as a program would that has them: by
// whom it is taken for ann.
func (j *journey) replayed(at *testkit.Process, cookies string) (taken []string) {
	j.t.Helper()
	j.balancer.Lead(runtimeOf(at))
	for place, address := range map[string]string{"application": j.site.Origin + "/reports", "sign-in host": "https://" + j.balancer.Address + "/account/sessions"} {
		req, err := http.NewRequestWithContext(j.t.Context(), http.MethodGet, address, nil)
		if err != nil {
			j.t.Fatal(err)
		}
		req.Header.Set("Cookie", cookies)
		res, err := j.direct.Do(req)
		if err != nil {
			j.t.Fatalf("%s by way of %s: %v", place, at.ClusterID, err)
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode == http.StatusOK && strings.Contains(string(body), "ann") {
			taken = append(taken, place)
		}
	}
	slices.Sort(taken)
	return taken
}

// TestABrowserThroughThreeDataCenters: a person signs in once and is served by three data centers through nginx, also by those that
// have the session when its home is killed. One that has not asks for the password, or goes on where the policy says so; when the
// home is back it is confirmed, once the partition between them is over as well. A sign-out from the page that asks before it ends all three,
// and no cookie that the browser had opens anything anywhere, each alone or all together (OAM-14, OAM-17, OAM-30, OAM-31, OAM-32, OAM-37, SEC-03).
func TestABrowserThroughThreeDataCenters(t *testing.T) {
	j := newJourney(t)
	j.challenged(j.home, "first")
	j.browser.Do(chromedp.SendKeys(`input[name="user"]`, "ann", chromedp.ByQuery), chromedp.SendKeys(`input[name="password"]`, testkit.Password, chromedp.ByQuery))
	j.browser.Press("\r", true)
	if got := j.browser.Text(); got != "hello ann" {
		t.Fatalf("signed in: at %s: %q", j.browser.Where(), got)
	}
	j.served(j.second, "second", "adopted_found")

	j.home.Kill()
	j.served(j.second, "home-killed", "adopted_found")
	j.challenged(j.far, "home-killed")
	j.policy(true)
	j.served(j.far, "goes-on", "adopted_alone")
	if !j.far.Sessions("ann")[0].Degraded {
		t.Fatal("PARIS has the session from a cookie alone, and does not say so")
	}

	for _, p := range j.toFar {
		p.Silence(true, true)
	}
	j.home.Start()
	j.served(j.home, "back", "signed_in")
	j.served(j.far, "cut-off", "adopted_alone")
	if !j.far.Sessions("ann")[0].Degraded {
		t.Error("the session at PARIS is confirmed over a link that is cut")
	}
	for _, p := range j.toFar {
		p.Silence(false, false)
	}
	j.far.Within(2*testkit.Limit, "the session is confirmed", func() bool { s := j.far.Sessions("ann"); return len(s) == 1 && !s[0].Degraded })
	j.served(j.far, "healed", "adopted_alone")

	each := j.browser.Cookies()
	cookies := strings.Join(each, "; ")
	everywhere := []*testkit.Process{j.home, j.second, j.far}
	for _, at := range everywhere {
		if got := strings.Join(j.replayed(at, cookies), ", "); got != "application, sign-in host" {
			t.Fatalf("before the sign-out the cookies open %q by way of %s", got, at.ClusterID)
		}
	}
	j.browser.Open("https://" + j.balancer.Address + "/logout")
	for _, at := range everywhere {
		if len(at.Sessions("ann")) == 0 {
			t.Errorf("the page that asks has ended the session at %s", at.ClusterID)
		}
	}
	j.browser.Click(`button.primary`)
	if text := j.browser.Text(); !strings.Contains(text, "Your sign-in has ended everywhere.") || !strings.HasPrefix(j.browser.Where(), "https://"+j.balancer.Address+"/logout") {
		t.Errorf("signed out: at %s: %q", j.browser.Where(), text)
	}
	for _, at := range everywhere {
		for _, sent := range append(each, cookies) {
			if got := j.replayed(at, sent); len(got) != 0 || len(at.Sessions("ann")) != 0 {
				t.Errorf("after the sign-out %.40s opens %v by way of %s, which has %d sessions", sent, got, at.ClusterID, len(at.Sessions("ann")))
			}
		}
		j.challenged(at, "after")
	}
}
