package main

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// site is a sign-in host and an application on one host name with two ports, as the demo has them.
func site(t *testing.T) (application string, trust *tls.Config) {
	t.Helper()
	var app, login *httptest.Server
	app = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := r.Cookie("__Host-app"); err != nil || c.Value != "alice" {
			http.Redirect(w, r, login.URL+"/login", http.StatusFound)
			return
		}
		fmt.Fprint(w, "hello")
	}))
	login = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodGet:
			fmt.Fprint(w, `<html><body><form action="/login?x=1" method="post"><input type="hidden" name="token" value="a&amp;b">
				<input name="who"><input type="password" name="word"><button>Sign in</button></form></body></html>`)
		case r.PostFormValue("token") != "a&b" || r.Header.Get("Origin") != login.URL || r.PostFormValue("word") != "pw":
			http.Error(w, "refused", http.StatusForbidden)
		default:
			http.SetCookie(w, &http.Cookie{Name: "__Host-app", Value: r.PostFormValue("who"), Path: "/", Secure: true})
			http.Redirect(w, r, app.URL+"/back", http.StatusSeeOther)
		}
	}))
	t.Cleanup(app.Close)
	t.Cleanup(login.Close)
	pool := app.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	pool.AddCert(login.Certificate())
	return app.URL, &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
}

func TestBrowserSignsInAndKeepsItsCookies(t *testing.T) {
	t.Parallel()
	app, trust := site(t)
	b := newBrowser(trust)
	p, err := b.open(t.Context(), app)
	if err != nil {
		t.Fatal(err)
	}
	f, ok := p.signIn()
	if !ok || f.user != "who" || f.password != "word" {
		t.Fatalf("form %+v on %s", f, p.story())
	}
	p, err = b.submit(t.Context(), p, f, url.Values{"who": {"alice"}, "word": {"pw"}})
	if err != nil || p.status != http.StatusOK || p.url.Path != "/back" || p.body != "hello" {
		t.Fatalf("%v, %s", err, p.story())
	}
	thief, err := b.saved(trust, app)
	if err != nil {
		t.Fatal(err)
	}
	if p, err = thief.open(t.Context(), app); err != nil || p.body != "hello" {
		t.Errorf("saved cookies: %v, %s", err, p.story())
	}
	if _, err := newBrowser(trust).saved(trust, app); err == nil {
		t.Error("an empty jar was saved")
	}
}

func TestChallengedTellsWhatCameInstead(t *testing.T) {
	t.Parallel()
	app, trust := site(t)
	b := newBrowser(trust)
	if err := challenged(t.Context(), b, app); err != nil {
		t.Errorf("a stranger is asked: %v", err)
	}
	p, err := b.open(t.Context(), app)
	if err != nil {
		t.Fatal(err)
	}
	f, _ := p.signIn()
	if p, err = b.submit(t.Context(), p, f, url.Values{"who": {"alice"}, "word": {"wrong"}}); err != nil || !strings.Contains(p.story(), "refused") {
		t.Errorf("wrong password: %v, %s", err, p.story())
	}
}
