package testkit

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// Application is an application behind an agent of one data center; the test asks in the agent's place.
type Application struct {
	At            *DataCenter
	Agent, Secret string
	Origin        string // one of the agent's hosts
}

// Authorize asks whether a request with the agent's cookie may pass.
func (a Application) Authorize(cookie string) wire.AuthorizeAnswer {
	a.At.t.Helper()
	scheme, host, _ := strings.Cut(a.Origin, "://")
	var out wire.AuthorizeAnswer
	agent := a.At.Agent(a.Agent, a.Secret)
	defer agent.Close()
	_, err := agent.Do(a.At.t.Context(), client.Request{Method: http.MethodPost, Path: "/session/v1/authorize", Out: &out,
		In: wire.AuthorizeRequest{Method: http.MethodGet, Scheme: scheme, Host: host, Target: "/reports?page=1", Cookie: cookie, Navigation: true}})
	if err != nil {
		a.At.t.Fatalf("authorize at %s: %v", a.At.ClusterID, err)
	}
	return out
}

// Redeem turns a code into the agent's cookie.
func (a Application) Redeem(code, state string, flow []string) (out wire.RedeemAnswer, err error) {
	a.At.t.Helper()
	scheme, host, _ := strings.Cut(a.Origin, "://")
	agent := a.At.Agent(a.Agent, a.Secret)
	defer agent.Close()
	_, err = agent.Do(a.At.t.Context(), client.Request{Method: http.MethodPost, Path: "/session/v1/redeem", Out: &out,
		In: wire.RedeemRequest{Scheme: scheme, Host: host, Code: code, State: state, FlowCookies: flow}})
	return out, err
}

// Browser is a person's browser. It keeps the sign-in host's cookies by host, whatever the port, and each application's by
// its origin.
type Browser struct {
	t       testing.TB
	http    *http.Client
	Jar     http.CookieJar
	cookies map[string]map[string]string // origin -> name -> value
}

// NewBrowser trusts the roots of these data centers and has no cookie.
func NewBrowser(t testing.TB, centers ...*DataCenter) *Browser {
	t.Helper()
	pem := ""
	for _, d := range centers {
		pem += d.CACertPEM
	}
	cfg, err := client.TLSFromPEM(pem, "", "")
	if err != nil {
		t.Fatalf("read roots: %v", err)
	}
	jar, _ := cookiejar.New(nil) // its only error is one of its options
	pool := &http.Transport{TLSClientConfig: cfg, ForceAttemptHTTP2: true}
	t.Cleanup(pool.CloseIdleConnections)
	return &Browser{t: t, Jar: jar, cookies: map[string]map[string]string{}, http: &http.Client{Jar: jar, Timeout: patience, Transport: pool,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// Show makes the browser show a certificate from its next connection on, whatever authorities the listener names.
func (b *Browser) Show(c Certificate) {
	b.t.Helper()
	if pool, ok := b.http.Transport.(*http.Transport); ok {
		pool.CloseIdleConnections()
		next := pool.Clone()
		next.TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &c.Pair, nil }
		b.http.Transport = next
		b.t.Cleanup(next.CloseIdleConnections)
	}
}

// Close lets go of the browser's connections.
func (b *Browser) Close() { b.http.CloseIdleConnections() }

// Visit is what came of opening an application.
type Visit struct {
	Asked  bool   // the sign-in form came up
	User   string // who the application was told it is; "" = not let in
	Reason string // the rule that decided last
	Page   Page   // the last page of the sign-in host
}

// Open goes to an application. Where the form comes up it is filled in with user and password; with "" it is left.
func (b *Browser) Open(a Application, user, password string) (v Visit) {
	b.t.Helper()
	for range 3 {
		answer := a.Authorize(b.AgentCookie(a))
		v.User, v.Reason = answer.User, answer.Reason
		if answer.Decision != wire.DecisionChallenge {
			return v
		}
		b.keep(a.Origin, answer.SetCookies)
		v.Page = b.Get(answer.Location)
		if v.Page.Form != nil {
			if v.Asked = true; user == "" {
				return v
			}
			v.Page = b.Submit(v.Page, url.Values{"user": {user}, "password": {password}})
		}
		if v.Page.Form != nil || v.Page.Location == "" {
			return v
		}
		if !b.Callback(a, v.Page.Location) {
			return v
		}
	}
	b.t.Errorf("%s: sent in circles, the last reason is %s", a.Origin, v.Reason)
	return v
}

// Callback follows the sign-in host's redirect to the agent; false when the agent refuses it.
func (b *Browser) Callback(a Application, location string) bool {
	b.t.Helper()
	back, err := url.Parse(location)
	if err != nil || back.Scheme+"://"+back.Host != a.Origin || back.Path != "/.concord/callback" {
		b.t.Fatalf("the sign-in host sends to %q, which is not %s's callback", location, a.Origin)
	}
	out, err := a.Redeem(back.Query().Get("code"), back.Query().Get("state"), b.FlowCookies(a))
	if err != nil {
		return false
	}
	b.keep(a.Origin, out.SetCookies)
	return true
}

// keep stores Set-Cookie values of an origin as a browser does.
func (b *Browser) keep(origin string, setCookies []string) {
	if b.cookies[origin] == nil {
		b.cookies[origin] = map[string]string{}
	}
	for _, text := range setCookies {
		c, err := http.ParseSetCookie(text)
		if err != nil {
			b.t.Fatalf("set-cookie %q: %v", text, err)
		}
		if c.MaxAge < 0 {
			delete(b.cookies[origin], c.Name)
			continue
		}
		b.cookies[origin][c.Name] = c.Value
	}
}

// AgentCookie is what the browser would send to the application; "" when it has none.
func (b *Browser) AgentCookie(a Application) string {
	for name, value := range b.cookies[a.Origin] {
		if strings.Contains(name, "concord_agent_") {
			return value
		}
	}
	return ""
}

// FlowCookies are the open sign-ins at the application, as "name=value".
func (b *Browser) FlowCookies(a Application) (out []string) {
	for name, value := range b.cookies[a.Origin] {
		if strings.Contains(name, "concord_flow_") {
			out = append(out, name+"="+value)
		}
	}
	return out
}

// Copy is a thief's browser with all the cookies that this one has now.
func (b *Browser) Copy(centers ...*DataCenter) *Browser {
	b.t.Helper()
	thief := NewBrowser(b.t, centers...)
	for _, d := range centers {
		u, err := url.Parse(d.RuntimeURL)
		if err != nil {
			b.t.Fatal(err)
		}
		for _, c := range b.Jar.Cookies(u) {
			thief.Jar.SetCookies(u, []*http.Cookie{{Name: c.Name, Value: c.Value, Path: "/", Secure: true}})
		}
	}
	for origin, all := range b.cookies {
		thief.cookies[origin] = map[string]string{}
		for name, value := range all {
			thief.cookies[origin][name] = value
		}
	}
	return thief
}

// ForgetAgents drops the applications' cookies and keeps the sign-in host's.
func (b *Browser) ForgetAgents() { clear(b.cookies) }

// Page is an answer of the sign-in host.
type Page struct {
	URL      *url.URL
	Status   int
	Header   http.Header
	Body     string
	Location string
	Form     url.Values // the hidden fields of the sign-in form; nil when the page has none
	Action   string     // of the page's form
	Hidden   url.Values // the hidden fields of the page's form, whatever it is
}

// Get navigates to an address.
func (b *Browser) Get(address string) Page {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, address, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	req.Header.Set("Sec-Fetch-Mode", "navigate")
	return b.Do(req)
}

// Submit sends the form of a page as a click would.
func (b *Browser) Submit(p Page, values url.Values) Page {
	b.t.Helper()
	for name, v := range p.Hidden {
		if _, given := values[name]; !given {
			values[name] = v
		}
	}
	action, err := p.URL.Parse(p.Action)
	if err != nil {
		b.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, action.String(), strings.NewReader(values.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", action.Scheme+"://"+action.Host)
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.Do(req)
}

// Do sends any request with the jar's cookies and follows no redirect.
func (b *Browser) Do(req *http.Request) Page {
	b.t.Helper()
	res, err := b.http.Do(req)
	if err != nil {
		b.t.Fatalf("open %s: %v", req.URL.Redacted(), err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 64<<20))
	if err != nil {
		b.t.Fatalf("read %s: %v", req.URL.Redacted(), err)
	}
	p := Page{URL: req.URL, Status: res.StatusCode, Header: res.Header, Body: string(body), Location: res.Header.Get("Location")}
	if strings.HasPrefix(p.Header.Get("Content-Type"), "text/html") {
		p.readForm(b.t)
	}
	return p
}

func (p *Page) readForm(t testing.TB) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(p.Body))
	if err != nil {
		t.Fatalf("parse page: %v", err)
	}
	password := false
	for n := range doc.Descendants() {
		switch {
		case n.Type != html.ElementNode:
		case n.Data == "form":
			p.Action, p.Hidden = attribute(n, "action"), url.Values{}
		case n.Data == "input" && attribute(n, "type") == "hidden":
			p.Hidden.Set(attribute(n, "name"), attribute(n, "value"))
		case n.Data == "input" && attribute(n, "type") == "password":
			password = true
		}
	}
	if password {
		p.Form = p.Hidden
	}
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// SignIn signs a user in at the sign-in host of a data center, unless the browser is signed in there already.
func (b *Browser) SignIn(at *DataCenter, user string) {
	b.t.Helper()
	p := b.Get(at.RuntimeURL + "/login")
	if p.Form == nil {
		return
	}
	if p = b.Submit(p, url.Values{"user": {user}, "password": {Password}}); p.Status != http.StatusSeeOther {
		b.t.Fatalf("%s cannot sign in at %s: %d", user, at.ClusterID, p.Status)
	}
}

// SignInTo signs a person of an identity store in by JSON, and keeps the cookie. It gives the status and the code of a refusal.
func (b *Browser) SignInTo(at *DataCenter, identityStore, user, password string) (status int, code string) {
	b.t.Helper()
	body, err := json.Marshal(wire.AuthenticateRequest{User: user, Password: password, IdentityStore: identityStore})
	if err != nil {
		b.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, at.RuntimeURL+"/session/v1/authenticate", bytes.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	p := b.Do(req)
	var problem wire.Problem
	_ = json.Unmarshal([]byte(p.Body), &problem) // of a success there is none
	return p.Status, problem.Code
}

// SignOut goes to the sign-in host of a data center and confirms.
func (b *Browser) SignOut(at *DataCenter) Page {
	b.t.Helper()
	p := b.Get(at.RuntimeURL + "/logout")
	if p.Hidden == nil {
		b.t.Fatalf("%s has no form to sign out: %d %s", at.ClusterID, p.Status, p.Body)
	}
	return b.Submit(p, url.Values{})
}

// WaitChallenged waits until the application asks this browser for a password.
func (b *Browser) WaitChallenged(a Application, limit time.Duration) {
	b.t.Helper()
	a.At.Within(limit, a.Origin+" asks for a password", func() bool { return b.Open(a, "", "").Asked })
}

// Walk goes the whole way from an answer to authorize, given as JSON, and tells where the agent sends the browser at the
// end. The browser must be signed in already.
func (b *Browser) Walk(a Application, authorizeAnswer string) (location string) {
	b.t.Helper()
	var answer wire.AuthorizeAnswer
	if err := json.Unmarshal([]byte(authorizeAnswer), &answer); err != nil {
		b.t.Fatalf("walk: %v in %s", err, authorizeAnswer)
	}
	b.keep(a.Origin, answer.SetCookies)
	p := b.Get(answer.Location)
	back, err := url.Parse(p.Location)
	if err != nil || p.Location == "" {
		b.t.Fatalf("walk: the sign-in host answers %d", p.Status)
	}
	out, err := a.Redeem(back.Query().Get("code"), back.Query().Get("state"), b.FlowCookies(a))
	if err != nil {
		b.t.Fatalf("walk: %v", err)
	}
	b.keep(a.Origin, out.SetCookies)
	return out.Location
}
