package httpapi_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// faultsOfPage measures what WCAG 2.2 AA asks for and what can be measured: contrast of text (1.4.3), reflow (1.4.10), sizes of
// what is clicked (2.5.8), one heading of the first level, and that nothing runs or is styled in place.
const faultsOfPage = `(() => {
  const out = [];
  const luminance = c => { const [r, g, b] = c.map(v => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const colour = s => s.match(/[\d.]+/g).map(Number);
  const ground = e => { for (; e; e = e.parentElement) { const c = colour(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0.99) return c.slice(0, 3); } return [255, 255, 255]; };
  let texts = 0;
  for (const e of document.querySelectorAll('body *')) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    if (!own || !e.checkVisibility()) continue;
    texts++;
    const [a, b] = [luminance(colour(getComputedStyle(e).color).slice(0, 3)), luminance(ground(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) out.push('contrast ' + ratio.toFixed(2) + ' of "' + e.textContent.trim().slice(0, 40) + '"');
  }
  if (texts < 2) out.push('only ' + texts + ' texts were looked at');
  if (document.documentElement.scrollWidth > innerWidth) out.push('wider than the screen: ' + document.documentElement.scrollWidth);
  for (const e of document.querySelectorAll('a, button, input:not([type=hidden])')) { const r = e.getBoundingClientRect(); if (r.height < 24 || r.width < 24) out.push('too small to click: ' + e.outerHTML.slice(0, 60)); }
  if (document.querySelectorAll('h1').length !== 1 || document.querySelectorAll('main').length !== 1) out.push('headings or main part');
  if (document.querySelector('script, [style], [onclick]')) out.push('something runs or is styled in place');
  if (document.styleSheets.length !== 1) out.push(document.styleSheets.length + ' style sheets');
  return out;
})()`

// look takes a picture of the page and checks it.
func look(t *testing.T, c *testkit.Chromium, screen testkit.Screen, name string) {
	t.Helper()
	var faults []string
	c.Ask(faultsOfPage, &faults)
	for _, f := range append(faults, nameless(c)...) {
		t.Errorf("%s on %s: %s", name, screen, f)
	}
	for _, complaint := range c.Complaints() {
		if !strings.Contains(complaint, "Failed to load resource: the server responded with a status of") { // the page is about that
			t.Errorf("%s on %s: the browser complains: %s", name, screen, complaint)
		}
	}
	c.Screenshot(name + "-" + screen.String())
}

// said is a value of the accessibility tree; other kinds than texts are of no interest here.
type said struct {
	Value any `json:"value"`
}

// nameless gives what a screen reader could not name.
func nameless(c *testkit.Chromium) (out []string) {
	var tree struct {
		Nodes []struct {
			Ignored bool `json:"ignored"`
			Role    said `json:"role"`
			Name    said `json:"name"`
		} `json:"nodes"`
	}
	c.Do(chromedp.ActionFunc(func(ctx context.Context) error { // the browser's reasons change faster than the library's list of them
		return cdp.Execute(ctx, accessibility.CommandGetFullAXTree, nil, &tree)
	}))
	named := 0
	for _, n := range tree.Nodes {
		switch n.Role.Value {
		case "textbox", "button", "link", "heading", "form", "RootWebArea":
			if named++; !n.Ignored && (n.Name.Value == nil || n.Name.Value == "") {
				out = append(out, fmt.Sprint("no name for a ", n.Role.Value))
			}
		}
	}
	if named < 2 {
		out = append(out, "there is nothing to name")
	}
	return out
}

// focused is what has the keyboard, and whether that can be seen.
func focused(c *testkit.Chromium) (name string, seen bool) {
	// A browser gives the focus with its first rendering, which on a busy machine may come after the load.
	c.Do(chromedp.Poll(`document.activeElement !== null && document.activeElement !== document.body`, nil, chromedp.WithPollingTimeout(testkit.Limit)))
	var got struct {
		Name string `json:"name"`
		Seen bool   `json:"seen"`
	}
	c.Ask(`(() => { const e = document.activeElement, s = getComputedStyle(e); return { name: e === document.body ? "" : e.name || e.textContent.trim(), seen: s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2 }; })()`, &got)
	return got.Name, got.Seen
}

// screens are a desk, a telephone at night, and the smallest that has to be served (WCAG 1.4.10), in German.
func screens() []testkit.Screen {
	return []testkit.Screen{{Width: 1280, Height: 900}, {Width: 390, Height: 844, Dark: true}, {Width: 320, Height: 640, Language: "de-DE,de;q=0.9"}}
}

// TestPagesInARealBrowser walks through every page in Chromium by keyboard, on three screens, and leaves a picture of each in
// bin/screenshots. Nothing needs a script, nothing is blocked, all of it can be read, named and reached (SEC-13, STD-06, STD-07).
func TestPagesInARealBrowser(t *testing.T) {
	t.Parallel()
	for _, screen := range screens() {
		t.Run(screen.String(), func(t *testing.T) {
			t.Parallel()
			both := testkit.Start(t, "NYDC", "LDC")
			testkit.Link(both[0], both[1])
			d := both[0]
			d.User("ann")
			d.Put("/v1/data-center", wire.DataCenter{ClusterID: "NYDC", Role: "master", DisplayName: "New York"})
			testkit.InStep(both...)
			phone := testkit.NewBrowser(t, both...)
			phone.SignIn(both[1], "ann")
			c := testkit.NewChromium(t, screen, strings.TrimPrefix(d.RuntimeURL, "https://"))
			c.Open(d.RuntimeURL + "/")
			look(t, c, screen, "01-login")
			if name, seen := focused(c); name != "user" || !seen {
				t.Errorf("the cursor stands in %q, seen %t", name, seen)
			}
			c.Do(chromedp.SendKeys(`input[name="user"]`, "ann", chromedp.ByQuery))
			c.Press("\t", false)
			if name, seen := focused(c); name != "password" || !seen {
				t.Errorf("after a tab the cursor stands in %q, seen %t", name, seen)
			}
			c.Do(chromedp.SendKeys(`input[name="password"]`, "wrong", chromedp.ByQuery))
			c.Press("\r", true)
			look(t, c, screen, "02-wrong-password")
			if name, _ := focused(c); name != "password" {
				t.Errorf("after a wrong password the cursor stands in %q", name)
			}
			c.Do(chromedp.SendKeys(`input[name="password"]`, testkit.Password, chromedp.ByQuery))
			c.Press("\r", true)
			look(t, c, screen, "03-signed-in")
			c.Click(`a[href="/account/sessions"]`)
			look(t, c, screen, "04-sessions")
			tabs(t, c, 5)
			c.Click(`button.primary`)
			if !strings.HasSuffix(c.Where(), "?done=ended") || len(both[1].Sessions("ann")) != 0 {
				t.Errorf("ended the others: at %s with %d left", c.Where(), len(both[1].Sessions("ann")))
			}
			look(t, c, screen, "05-sessions-ended")
			c.Click(`a[href="/account/password"]`)
			look(t, c, screen, "11-password")
			tabs(t, c, 4)
			c.Do(chromedp.SendKeys(`input[name="current"]`, testkit.Password, chromedp.ByQuery), chromedp.SendKeys(`input[name="new"]`, better, chromedp.ByQuery), chromedp.SendKeys(`input[name="repeat"]`, better+"!", chromedp.ByQuery))
			c.Press("\r", true)
			look(t, c, screen, "12-passwords-differ")
			c.Open(d.RuntimeURL + "/login?request=broken")
			look(t, c, screen, "06-broken-link")
			both[1].Stop()
			c.Open(d.RuntimeURL + "/account/sessions")
			look(t, c, screen, "07-sessions-partly")
			c.Open(d.RuntimeURL + "/logout")
			look(t, c, screen, "08-logout")
			c.Click(`button.primary`)
			look(t, c, screen, "09-signed-out")
			c.Open(d.RuntimeURL + "/logout")
			look(t, c, screen, "10-nobody")
		})
	}
}

// tabs goes on by keyboard and wants to see each stop.
func tabs(t *testing.T, c *testkit.Chromium, n int) {
	t.Helper()
	stops := map[string]bool{}
	for range n {
		c.Press("\t", false)
		name, seen := focused(c)
		if name == "" { // it went round
			continue
		}
		if !seen {
			t.Errorf("the keyboard is at %q and that cannot be seen", name)
		}
		stops[name] = true
	}
	if len(stops) < 3 {
		t.Errorf("the keyboard reaches %v only", stops)
	}
}

// TestARealBrowserBehindNginx: Chromium keeps and sends the cookies of both hosts as Concord means it, through nginx, over a
// sign-in, a page that is not for everybody, and a sign-out by the application's own form (OAM-14, OAM-15, SEC-13, STD-06).
func TestARealBrowserBehindNginx(t *testing.T) {
	t.Parallel()
	d := testkit.Start(t, "NYDC")[0]
	d.User("ann")
	address, app := testkit.NewSite(t), newBackend(t)
	const secret = "a-secret-of-the-web-server"
	d.Put("/v1/agents/web", wire.Agent{Name: "web", Hosts: []string{"https://" + address}, Secret: secret})
	d.Put("/v1/authorization-policies/nobody", wire.AuthorizationPolicy{Name: "nobody", Rules: []wire.Rule{{Effect: "deny", Users: []string{"ann"}}}})
	d.Put("/v1/applications/web", wire.Application{Name: "web", Hosts: []string{address}, Resources: map[string]wire.Resource{
		"secret": {Paths: []string{"/secret"}, AuthorizationPolicy: "nobody"}, "all": {Paths: []string{"/**"}}}})
	front := testkit.Nginx(t, address, testkit.Site{Application: app.Listener.Addr().String(), Agent: "web", Secret: secret, Runtime: strings.TrimPrefix(d.RuntimeURL, "https://"), CACertPEM: d.CACertPEM})
	screen := screens()[0]
	c := testkit.NewChromium(t, screen, strings.TrimPrefix(d.RuntimeURL, "https://"), address)
	c.Open(front.Origin + "/reports?page=1#top")
	look(t, c, screen, "20-login-for-an-application")
	c.Do(chromedp.SendKeys(`input[name="user"]`, "ann", chromedp.ByQuery), chromedp.SendKeys(`input[name="password"]`, testkit.Password, chromedp.ByQuery))
	c.Press("\r", true)
	if got := c.Text(); got != "hello ann" || !strings.HasPrefix(c.Where(), front.Origin+"/reports?page=1") {
		t.Fatalf("at %s: %q", c.Where(), got)
	}
	var out string
	c.Ask(`document.cookie`, &out)
	if out != "" {
		t.Errorf("a script of the application reads %q", out)
	}
	c.Do(chromedp.Evaluate(`(() => { const f = document.createElement("form"); f.method = "post"; f.action = "/.concord/logout"; document.body.append(f); })()`, nil))
	c.Submit("form")
	if !strings.HasPrefix(c.Where(), d.RuntimeURL+"/signed-out") || len(d.Sessions("ann")) != 0 {
		t.Errorf("signed out: at %s, %d sessions", c.Where(), len(d.Sessions("ann")))
	}
	c.Open(front.Origin + "/reports")
	if !strings.HasPrefix(c.Where(), d.RuntimeURL+"/login?request=") {
		t.Errorf("after the sign-out: at %s", c.Where())
	}
}
