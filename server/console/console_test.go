package console_test

import (
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/concord-access/terraform-provider-concord/server/console"
)

// hostile breaks out of text, attributes, URLs, styles and comments where a page forgets to escape.
const hostile = `"><script>alert(1)</script><img src=x onerror=alert(1)>'--></style><a href="javascript:alert(1)">&amp;`

// page is one rendered page, parsed as a browser does.
type page struct {
	text string
	all  []*html.Node
}

func render(t *testing.T, write func(io.Writer) error) page {
	t.Helper()
	var b strings.Builder
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	root, err := html.Parse(strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	p := page{text: b.String()}
	for n := range root.Descendants() {
		if n.Type == html.ElementNode {
			p.all = append(p.all, n)
		}
	}
	return p
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

func (p page) find(tag, name, value string) *html.Node {
	for _, n := range p.all {
		if n.Data == tag && (name == "" || attr(n, name) == value) {
			return n
		}
	}
	return nil
}

func inner(n *html.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			b.WriteString(c.Data)
		}
	}
	return strings.TrimSpace(b.String())
}

func pages(t *testing.T) *console.Pages {
	t.Helper()
	p, err := console.New(console.Theme{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// every gives each page in each of its states, all texts replaced by s.
func every(p *console.Pages, s string) map[string]func(io.Writer) error {
	none := console.Page{Text: p.Text("")}
	foot, now := console.Page{Text: p.Text("de"), DataCenter: s}, time.Date(2026, 3, 1, 8, 30, 0, 0, time.UTC)
	return map[string]func(io.Writer) error{
		"login": func(w io.Writer) error { return p.Login(w, console.Login{Page: foot, Request: s, Token: s}) },
		"login again": func(w io.Writer) error {
			return p.Login(w, console.Login{Page: foot, Application: s, Request: s, Token: s, User: s, Error: s})
		},
		"signed in": func(w io.Writer) error {
			return p.SignedIn(w, console.SignedIn{Page: foot, User: s, Name: s, SignedIn: now, ExpiresAt: now})
		},
		"signed in, no": func(w io.Writer) error { return p.SignedIn(w, console.SignedIn{Page: none, User: s}) },
		"logout":        func(w io.Writer) error { return p.Logout(w, console.Logout{Page: foot, User: s, Token: s}) },
		"logout, no":    func(w io.Writer) error { return p.Logout(w, console.Logout{Page: none, Token: s}) },
		"signed out": func(w io.Writer) error {
			return p.SignedOut(w, console.SignedOut{Page: foot, Receipts: []console.Receipt{{s, true}, {s, false}}})
		},
		"signed out, 0": func(w io.Writer) error { return p.SignedOut(w, console.SignedOut{Page: none}) },
		"sessions": func(w io.Writer) error {
			return p.Sessions(w, console.Sessions{Page: foot, User: s, Token: s, Silent: []string{s}, More: true, Notice: s,
				SignOns: []console.SignOn{{ID: s, This: true, Address: s, SignedIn: now, LastUsed: now, DataCenters: s}, {ID: s, SignedIn: now, LastUsed: now, DataCenters: s}}})
		},
		"sessions, one": func(w io.Writer) error {
			return p.Sessions(w, console.Sessions{Page: none, User: s, Token: s, SignOns: []console.SignOn{{ID: s, This: true, SignedIn: now, LastUsed: now}}})
		},
		"password": func(w io.Writer) error {
			return p.Password(w, console.Password{Page: foot, User: s, Token: s, Error: s, AtNew: true, Least: 8})
		},
		"password, kept elsewhere": func(w io.Writer) error { return p.Password(w, console.Password{Page: none, User: s, Foreign: true}) },
		"error": func(w io.Writer) error {
			return p.Error(w, console.Error{Page: foot, Title: s, Sentence: s, WhatToDo: s, Link: s, LinkText: s, RequestID: s})
		},
		"error, short": func(w io.Writer) error { return p.Error(w, console.Error{Page: none, Title: s, Sentence: s}) },
	}
}

// Proves ASVS 3.2 and 16.4.1 for the pages: hostile values stay text; nothing runs, nothing is loaded but the style sheet and the icon.
func TestPagesEscapeAndLoadNothing(t *testing.T) {
	plain, bad := every(pages(t), "plain"), every(pages(t), hostile)
	for name := range plain {
		t.Run(name, func(t *testing.T) {
			a, b := render(t, plain[name]), render(t, bad[name])
			if len(a.all) != len(b.all) {
				t.Errorf("hostile values changed the page's elements: %s", b.text)
			}
			for _, n := range b.all {
				check(t, n)
			}
		})
	}
}

func check(t *testing.T, n *html.Node) {
	t.Helper()
	switch n.Data {
	case "script", "style", "iframe", "img", "object", "embed", "base":
		t.Errorf("the page has <%s>", n.Data)
	case "link":
		if at := attr(n, "href"); at != "/assets/console.css" && at != "/assets/icon.svg" {
			t.Errorf("loads %q", attr(n, "href"))
		}
	}
	for _, a := range n.Attr {
		if a.Key == "style" || strings.HasPrefix(a.Key, "on") {
			t.Errorf("<%s> has %s", n.Data, a.Key)
		}
		if a.Key == "href" && strings.HasPrefix(strings.ToLower(strings.TrimSpace(a.Val)), "javascript:") {
			t.Errorf("link to %q", a.Val)
		}
	}
}

// Proves that every page can be used without seeing it: language, title, one heading, one main part, a label for each field.
func TestPagesAreAccessible(t *testing.T) {
	for name, write := range every(pages(t), "value") {
		t.Run(name, func(t *testing.T) {
			p := render(t, write)
			count := map[string]int{}
			ids := map[string]int{}
			for _, n := range p.all {
				count[n.Data]++
				if id := attr(n, "id"); id != "" {
					ids[id]++
				}
			}
			if (attr(p.find("html", "", ""), "lang") != "en" && attr(p.find("html", "", ""), "lang") != "de") || count["h1"] != 1 || count["main"] != 1 || inner(p.find("title", "", "")) == "" {
				t.Errorf("language, title, heading or main part is missing: %v", count)
			}
			for _, n := range p.all {
				if n.Data == "input" && attr(n, "type") != "hidden" && p.find("label", "for", attr(n, "id")) == nil {
					t.Errorf("no label for %q", attr(n, "name"))
				}
				if n.Data == "svg" && attr(n, "aria-hidden") != "true" {
					t.Error("a picture is read out")
				}
				for _, ref := range []string{"aria-describedby", "aria-labelledby", "for"} {
					for id := range strings.FieldsSeq(attr(n, ref)) {
						if ids[id] != 1 {
							t.Errorf("%s=%q leads to %d elements for %q", ref, attr(n, ref), ids[id], id)
						}
					}
				}
			}
		})
	}
}

// english is a page's beginning for tests that read sentences.
func english(p *console.Pages) console.Page { return console.Page{Text: p.Text("en-GB,en;q=0.9")} }

func TestLoginForm(t *testing.T) {
	all := pages(t)
	p := render(t, func(w io.Writer) error {
		return all.Login(w, console.Login{Page: english(all), Request: "R&1", Token: "T", User: "bob", Application: "shop.example", Error: "The user name or the password is wrong."})
	})
	form := p.find("form", "", "")
	if attr(form, "method") != "post" || attr(form, "action") != "/login" {
		t.Errorf("form %v", form.Attr)
	}
	want := map[string]map[string]string{
		"request":  {"type": "hidden", "value": "R&1"},
		"token":    {"type": "hidden", "value": "T"},
		"user":     {"type": "text", "value": "bob", "autocomplete": "username", "aria-describedby": "error"},
		"password": {"type": "password", "value": "", "autocomplete": "current-password", "aria-invalid": "true"},
	}
	for name, attrs := range want {
		field := p.find("input", "name", name)
		for k, v := range attrs {
			if got := attr(field, k); got != v {
				t.Errorf("%s of %s is %q, want %q", k, name, got, v)
			}
		}
	}
	if !has(p.find("input", "name", "password"), "autofocus") || has(p.find("input", "name", "user"), "autofocus") {
		t.Error("after a wrong attempt the cursor stands in the password")
	}
	alert := p.find("div", "role", "alert")
	if attr(alert, "aria-live") == "" || inner(alert) != "The user name or the password is wrong." {
		t.Errorf("alert %q", inner(alert))
	}
	if !strings.Contains(inner(p.find("main", "", "")), "to continue to shop.example") {
		t.Error("the person is not told where they go")
	}
}

func TestSignedOutNamesEveryDataCenter(t *testing.T) {
	all := pages(t)
	d := console.SignedOut{Page: english(all), Receipts: []console.Receipt{{DataCenter: "NYDC", Done: true}, {DataCenter: "LDC"}}}
	p := render(t, func(w io.Writer) error { return all.SignedOut(w, d) })
	text := inner(p.find("main", "", ""))
	for _, want := range []string{"NYDCsigned out", "LDCwill be told when it is back", "Some data centers cannot be reached"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in %q", want, text)
		}
	}
	d.Receipts[1].Done = true
	p = render(t, func(w io.Writer) error { return all.SignedOut(w, d) })
	if !strings.Contains(inner(p.find("main", "", "")), "ended everywhere") {
		t.Error("complete, but not said so")
	}
}

func TestErrorPageTakesNoScriptAsLink(t *testing.T) {
	all := pages(t)
	p := render(t, func(w io.Writer) error {
		return all.Error(w, console.Error{Page: english(all), Title: "T", Sentence: "S", Link: "javascript:alert(1)", RequestID: "abc"})
	})
	if href := attr(p.find("a", "class", "secondary"), "href"); strings.Contains(href, "javascript") {
		t.Errorf("link to %q", href)
	}
	if inner(p.find("code", "", "")) != "abc" {
		t.Error("the request id is not shown")
	}
}

// failing takes nothing.
type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("gone") }

func TestRenderReportsAWriterThatFails(t *testing.T) {
	all := pages(t)
	if err := all.Logout(failing{}, console.Logout{Page: english(all)}); err == nil {
		t.Error("no error")
	}
}

// Proves that the style sheet loads nothing, and that a caller cannot change the embedded one.
func TestStylesheet(t *testing.T) {
	p := pages(t)
	css := p.Stylesheet()
	if regexp.MustCompile(`(?i)@import|url\(|expression|https?:`).Match(css) {
		t.Error("the style sheet loads something")
	}
	for _, want := range []string{"prefers-color-scheme: dark", ":focus-visible"} {
		if !strings.Contains(string(css), want) {
			t.Errorf("%q is missing", want)
		}
	}
	css[0] = 'X'
	if p.Stylesheet()[0] == 'X' {
		t.Error("the caller changed the embedded sheet")
	}
}
