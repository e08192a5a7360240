package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// program asks as an agent about a request that carries HTTP Basic.
func program(t *testing.T, a testkit.Application, authorization string) wire.AuthorizeAnswer {
	t.Helper()
	return programFrom(t, a, authorization, "192.0.2.7")
}

func programFrom(t *testing.T, a testkit.Application, authorization, address string) (out wire.AuthorizeAnswer) {
	t.Helper()
	agent := a.At.Agent(a.Agent, a.Secret)
	defer agent.Close()
	_, err := agent.Do(t.Context(), client.Request{Method: http.MethodPost, Path: "/session/v1/authorize", Out: &out,
		In: wire.AuthorizeRequest{Method: http.MethodGet, Scheme: "https", Host: strings.TrimPrefix(a.Origin, "https://"), Target: "/", ClientAddress: address, Authorization: authorization}})
	if err != nil {
		t.Fatalf("authorize: %v", err)
	}
	return out
}

// TestProgramsSignInByBasic: for a resource whose scheme is HTTP Basic a program is asked for it (RFC 7617), in UTF-8, and needs one session for
// all its requests; that one is at this agent alone, is no use with another password, and ends with the user, the password or a sign-out.
// Elsewhere the header counts for nothing (SEC-12, SEC-30, SEC-31, SEC-33).
func TestProgramsSignInByBasic(t *testing.T) {
	t.Parallel()
	now := clock.NewManual(time.Now())
	d := testkit.StartWith(t, testkit.Options{Clock: now}, "NYDC")[0]
	d.User("ann")
	d.Put("/v1/users/bob", wire.User{Name: "bob", Password: "pä:ss wörd"})
	d.Scheme("api", 1, "basic")
	api, other, plain := d.Asks("vault", vault, "api"), d.Asks("bank", "https://bank.example", "api"), d.Application("shop", shop)
	right := basic("ann", testkit.Password)
	d.Put("/v1/agents/vault", wire.Agent{Name: "vault", Hosts: []string{vault}, Secret: api.Secret, CacheLifetime: "20s"})

	refused := program(t, api, "")
	if refused.Decision != wire.DecisionChallenge || refused.WWWAuthenticate != `Basic realm="api", charset="UTF-8"` || refused.Location != "" {
		t.Errorf("without credentials: %+v", refused)
	}
	for name, header := range map[string]string{"wrong password": basic("ann", "wrong"), "nobody": basic("eve", testkit.Password), "no colon": "Basic YW5u", "not base64": "Basic %%%",
		"not UTF-8": basic("ann", "\xff"), "a control character": basic("ann", testkit.Password+"\x00"), "another scheme": "Bearer " + d.Token, "no name": basic("", testkit.Password), "long": basic("ann", strings.Repeat("x", 5000))} {
		if got := program(t, api, header); got.Decision != wire.DecisionChallenge || got.User != "" || len(got.Headers) > 0 || got.WWWAuthenticate == "" {
			t.Errorf("%s: %+v", name, got)
		}
	}
	now.Advance(time.Minute)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if got := program(t, api, right); got.Decision != wire.DecisionAllow || got.Headers[wire.HeaderUser] != "ann" || !got.CredentialsUsed || got.CacheSeconds != 0 || len(got.SetCookies) > 0 {
				t.Errorf("the right ones: %+v", got)
			}
		})
	}
	all.Wait()
	one := d.Sessions("ann")
	if len(one) != 1 || one[0].Scheme != "api" || one[0].ClientAddress != "192.0.2.7" {
		t.Fatalf("twenty requests at once made %+v", one)
	}
	if got := program(t, api, basic("bob", "pä:ss wörd")); got.User != "bob" {
		t.Errorf("a password in UTF-8 with a colon: %+v", got)
	}
	if got := program(t, api, basic("ANN", testkit.Password)); got.User != "ann" || len(d.Sessions("ann")) != 1 {
		t.Errorf("in capitals: %+v, %d sessions", got, len(d.Sessions("ann")))
	}
	if program(t, other, right); len(d.Sessions("ann")) != 2 {
		t.Errorf("another agent shares the session: %+v", d.Sessions("ann"))
	}
	if got := program(t, plain, right); got.Decision != wire.DecisionChallenge || got.WWWAuthenticate != "" || got.CredentialsUsed {
		t.Errorf("a resource that does not ask for it: %+v", got)
	}

	// An hour with a request every ten minutes: the password is checked again, the session stays.
	for range 6 {
		now.Advance(10 * time.Minute)
		program(t, api, right)
	}
	if s := d.Sessions("ann"); len(s) != 1 || s[0].ID != one[0].ID {
		t.Errorf("after an hour: %+v", s)
	}
	if _, err := d.Do(client.Request{Method: http.MethodDelete, Path: client.Path("v1", "sessions", one[0].ID)}); err != nil {
		t.Fatal(err)
	}
	if got := program(t, api, right); got.Decision != wire.DecisionAllow || d.Sessions("ann")[0].ID == one[0].ID {
		t.Errorf("after a sign-out a new session is due: %+v", got)
	}
	d.Put("/v1/users/ann", wire.User{Name: "ann", Password: "another password"})
	if got := program(t, api, right); got.Decision != wire.DecisionChallenge {
		t.Errorf("the former password: %+v", got)
	}
	if got := program(t, api, basic("ann", "another password")); got.Decision != wire.DecisionAllow {
		t.Errorf("the new password: %+v", got)
	}
	off := false
	d.Put("/v1/users/ann", wire.User{Name: "ann", Enabled: &off})
	if got := program(t, api, basic("ann", "another password")); got.Decision != wire.DecisionChallenge {
		t.Errorf("disabled: %+v", got)
	}
}

// TestGuessesByBasicAreCounted: they count for the account like those of the form, and none of them is free (SEC-30).
func TestGuessesByBasicAreCounted(t *testing.T) {
	d := start(t)
	d.User("ann")
	d.Scheme("api", 1, "basic")
	api := d.Asks("vault", vault, "api")
	for i := range 10 {
		programFrom(t, api, basic("ann", fmt.Sprint("guess ", i)), "127.0.0.1")
	}
	if got := programFrom(t, api, basic("ann", testkit.Password), "127.0.0.1"); got.Decision != wire.DecisionChallenge {
		t.Errorf("after ten guesses: %+v", got)
	}
	b := testkit.NewBrowser(t, d)
	if v := b.Open(d.Application("shop", shop), "ann", testkit.Password); v.User != "" || !strings.Contains(v.Page.Body, "Too many wrong passwords") {
		t.Errorf("the form knows nothing of them: %+v", v)
	}
}

// TestAuthenticateBySchemes: POST /session/v1/authenticate takes HTTP Basic, a certificate, and both for a chain.
func TestAuthenticateBySchemes(t *testing.T) {
	d := start(t)
	d.User("ann")
	d.User("bob")
	d.Scheme("api", 2, "basic")
	d.Scheme("both", 5, "certificate", "basic")
	with := d.TLS()
	with.Certificates = append(with.Certificates, certify(d, "user", "ann").Pair)
	for name, c := range map[string]struct {
		body, authorization string
		certificate         bool
		status              int
		level               string
	}{
		"basic":                   {`{"scheme":"api"}`, basic("ann", testkit.Password), false, 200, `"level":2`},
		"basic, built-in scheme":  {`{}`, basic("ann", testkit.Password), false, 200, `"level":1`},
		"body":                    {`{"user":"ann","password":"` + testkit.Password + `"}`, "", false, 200, `"level":1`},
		"both sources":            {`{"user":"ann","password":"x"}`, basic("ann", testkit.Password), false, 400, ""},
		"wrong":                   {`{"scheme":"api"}`, basic("ann", "x"), false, 401, ""},
		"a chain":                 {`{"scheme":"both"}`, basic("ann", testkit.Password), true, 200, `"level":5`},
		"a chain, no certificate": {`{"scheme":"both"}`, basic("ann", testkit.Password), false, 401, ""},
		"a chain of two people":   {`{"scheme":"both"}`, basic("bob", testkit.Password), true, 401, ""},
		"a store":                 {`{"identity_store":"local","user":"ann","password":"` + testkit.Password + `"}`, "", false, 200, `"level":1`},
		"a store with a scheme":   {`{"scheme":"api","identity_store":"local"}`, basic("ann", testkit.Password), false, 400, "/identity_store"},
		"no such scheme":          {`{"scheme":"none"}`, basic("ann", testkit.Password), false, 400, ""},
	} {
		h := http.Header{"Content-Type": {"application/json"}}
		if c.authorization != "" {
			h.Set("Authorization", c.authorization)
		}
		a := ask{method: http.MethodPost, url: d.RuntimeURL + "/session/v1/authenticate", body: c.body, header: h}
		if c.certificate {
			a.tls = with
		}
		got := send(t, d, a)
		if got.status != c.status || !strings.Contains(got.body, c.level) {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
		if offered := got.header.Get("WWW-Authenticate"); name == "wrong" && offered != `Basic realm="api", charset="UTF-8"` {
			t.Errorf("%s: WWW-Authenticate %q", name, offered)
		}
	}
}

// TestCurlThroughWebServers: curl -u works in front of an application whose scheme is HTTP Basic, behind nginx and Caddy. The
// application never sees the password; what is none of Concord's business reaches it; and a script in a browser is not asked in this way,
// which would open the browser's own window, nor is a password taken that a browser sends by itself (SEC-15, SEC-20).
func TestCurlThroughWebServers(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.d.Scheme("api", 1, "basic")
		s.d.Put("/v1/applications/web", wire.Application{Name: "web", Hosts: []string{s.front.Address}, Resources: map[string]wire.Resource{
			"api": {Paths: []string{"/api/**"}, AuthenticationScheme: "api"}, "own": {Paths: []string{"/own/**"}, Protection: "excluded"}}})
		passwords(t, s)
	})
}

// passwords goes through what curl does before an application.
func passwords(t *testing.T, s *scene) {
	t.Helper()
	origin := s.front.Origin
	s.app.taken()
	for name, c := range map[string]struct {
		args                 []string
		status, authenticate string
	}{
		"nobody":             {[]string{origin + "/api/x"}, "401", `Basic realm="api", charset="UTF-8"`},
		"ann":                {[]string{"-u", "ann:" + testkit.Password, origin + "/api/x"}, "200", ""},
		"ann by POST":        {[]string{"-u", "ann:" + testkit.Password, "-d", "x=1", origin + "/api/x"}, "200", ""},
		"wrong":              {[]string{"-u", "ann:x", origin + "/api/x"}, "401", `Basic realm="api", charset="UTF-8"`},
		"a script":           {[]string{"-H", "Sec-Fetch-Mode: cors", "-H", "Sec-Fetch-Site: same-origin", origin + "/api/x"}, "401", `Concord realm="web"`},
		"a browser's own":    {[]string{"-H", "Sec-Fetch-Site: cross-site", "-H", "Sec-Fetch-Mode: no-cors", "-u", "ann:" + testkit.Password, origin + "/api/x"}, "401", `Concord realm="web"`},
		"the application's":  {[]string{"-u", "app:secret", origin + "/own/x"}, "200", ""},
		"a person navigates": {[]string{"-H", "Sec-Fetch-Mode: navigate", origin + "/api/x"}, "302", ""},
	} {
		status, authenticate := testkit.Curl(t, s.front.CertPEM, c.args...)
		if status != c.status || status == "401" && authenticate != c.authenticate {
			t.Errorf("%s: %s, WWW-Authenticate %q", name, status, authenticate)
		}
		for _, r := range s.app.taken() {
			user, password, sent := r.BasicAuth()
			switch {
			case name == "the application's" && (user != "app" || password != "secret"):
				t.Errorf("%s: the application gets %q", name, r.Header.Values("Authorization"))
			case name != "the application's" && (sent || r.Header.Get("X-Concord-User") != "ann"):
				t.Errorf("%s: the application gets %q of %q", name, r.Header.Values("Authorization"), r.Header.Get("X-Concord-User"))
			}
		}
	}
	if n := len(s.d.Sessions("ann")); n != 1 {
		t.Errorf("ann has %d sessions", n)
	}
}
