package policy_test

import (
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/policy"
)

// same lists targets with their canonical path; "" = refused as ambiguous.
func corpus() map[string]string {
	return map[string]string{
		// Plain paths are their own form.
		"/": "/", "/a": "/a", "/a/": "/a/", "/a/b": "/a/b", "/a/b/": "/a/b/", "/A/b": "/A/b", "/a-b_c~d": "/a-b_c~d",
		"/.well-known/x": "/.well-known/x", "/a.b": "/a.b", "/a..b": "/a..b", "/..a": "/..a", "/.a": "/.a", "/a/...b": "/a/...b",
		"/a@b": "/a@b", "/a:b": "/a:b", "/a!$&'()*+,=": "/a!$&'()*+,=", "/*": "/*", "/**": "/**", "/a=b,c": "/a=b,c",
		// The query is not part of the path (SEC-23).
		"/admin?x=/public": "/admin", "/public?/../admin": "/public", "/a?": "/a", "/a?b?c": "/a", "/?x": "/",
		"/a?%2f%00;\\": "/a", "/a?x=%2e%2e/": "/a", "/a/?//": "/a/",
		// One spelling for each byte.
		"/%61": "/a", "/%41": "/A", "/%7e": "/~", "/%7E": "/~", "/%2d": "/-", "/%5F": "/_", "/%30": "/0", "/a%2Eb": "/a.b",
		"/%40": "/@", "/%3a": "/:", "/%21": "/!", "/%24": "/$", "/%2a": "/*", "/%2B": "/+", "/%2c": "/,", "/%3d": "/=", "/%26": "/&",
		"/a%20b": "/a%20b", "/%c3%bc": "/%C3%BC", "/%C3%bC": "/%C3%BC", "/ü": "/%C3%BC", "/%E2%82%AC": "/%E2%82%AC", "/€": "/%E2%82%AC",
		"/%3f": "/%3F", "/%23": "/%23", "/%22": "/%22", "/\"": "/%22", "/<a>": "/%3Ca%3E", "/%3ca%3e": "/%3Ca%3E", "/a|b": "/a%7Cb",
		"/%7cb": "/%7Cb", "/^": "/%5E", "/`": "/%60", "/{a}": "/%7Ba%7D", "/%7Ba%7D": "/%7Ba%7D", "/[a]": "/%5Ba%5D", "/%F0%9F%98%80": "/%F0%9F%98%80",
		"/%61%64%6d%69%6e": "/admin", "/%61dmin/x": "/admin/x", "/%E2%80%8C": "/%E2%80%8C",
		// Dot segments, in every spelling.
		"/.": "", "/..": "", "/./a": "", "/../a": "", "/a/.": "", "/a/..": "", "/a/./b": "", "/a/../b": "", "/%2e": "", "/%2E%2e": "", "/.%2e/a": "",
		"/%2e./a": "", "/a/%2e%2e/b": "", "/a/%2E/b": "", "/...": "", "/a/.../b": "", "/a/%2e%2e%2e": "", "/public/%2e%2e/admin": "",
		// Empty segments and what some programs make of them.
		"//": "", "//a": "", "/a//b": "", "/a//": "", "///": "", "//evil.example/": "", "/a///b": "",
		// Encoded separators and double encoding.
		"/a%2fb": "", "/a%2Fb": "", "/%2f": "", "/%2e%2e%2fadmin": "", "/a%5cb": "", "/a%5Cb": "", "/a\\b": "", "/\\evil": "", "/..\\a": "", "/%252f": "", "/%252e%252e/": "",
		"/%25": "", "/100%25": "", "/%2561": "", "/%25%32%66": "", "/a%255c": "",
		// Path parameters.
		"/a;x": "", "/a;x=1/b": "", "/;/a": "", "/..;/a": "", "/a/..;x/b": "", "/a%3bx": "", "/a%3Bjsessionid=1": "", "/.;/a": "",
		// Controls, white space, trailing characters that Windows drops.
		"/a%00": "", "/%00/a": "", "/a%00.html": "", "/a%0a": "", "/a%0d%0aX: y": "", "/a%09": "", "/a\tb": "", "/a\nb": "", "/a\x7f": "", "/a%7f": "", "/a%1b": "", "/%c2%85": "",
		"/%C2%80": "", "/%e2%80%a8": "", "/%E2%80%A9": "", "/a%20": "", "/a ": "", "/a%20/b": "", "/admin.": "", "/admin./x": "", "/admin%2e": "", "/admin%20": "",
		// Bytes that are not UTF-8 in normal form C: overlong forms, surrogates, lone bytes, decomposed letters.
		"/%c0%ae": "", "/%c0%ae%c0%ae/a": "", "/%c0%af": "", "/%e0%80%af": "", "/%f0%80%80%af": "", "/%ed%a0%80": "", "/%ff": "", "/%c3": "", "/\xff": "", "/%f5%80%80%80": "",
		"/u%cc%88": "", "/u\u0308": "", "/%EF%BF%BD": "", "/%e2%84%ab": "",
		// Broken escapes.
		"/%": "", "/%2": "", "/%zz": "", "/%u002e": "", "/%u2216": "", "/a%2": "", "/%g0": "", "/%-1": "", "/%%32": "", "/% 2": "",
		// Not origin form, and fragments.
		"": "", "a": "", "*": "", "http://a.example/": "", "?a": "", "/admin#/public": "", "/a#": "", "/a?b#c": "", "/a?b c": "", "/a?\r\nX: y": "", "/a?\x00": "", "#": "",
	}
}

// Proves SEC-22 and SEC-23: each vector has the one canonical path given, or is refused.
func TestCanonicalPathCorpus(t *testing.T) {
	vectors := corpus()
	if len(vectors) < 150 {
		t.Fatalf("the corpus has %d vectors", len(vectors))
	}
	for target, want := range vectors {
		r, err := policy.Canonical("https", "app.example", target)
		if want == "" {
			if fault.CodeOf(err) != policy.CodeAmbiguousPath || !fault.Is(err, fault.Invalid) {
				t.Errorf("%q: got %q, %v; want a refusal", target, r.Path, err)
			}
			continue
		}
		if err != nil || r.Path != want {
			t.Errorf("%q: got %q, %v; want %q", target, r.Path, err, want)
		}
	}
}

func TestCanonicalKeepsTheQueryAsItWas(t *testing.T) {
	r, err := policy.Canonical("https", "app.example", "/a?b=%2F&c=;d")
	if err != nil || r.Query != "b=%2F&c=;d" {
		t.Fatalf("got %+v, %v", r, err)
	}
}

// Proves the host's part of SEC-25.
func TestCanonicalHost(t *testing.T) {
	cases := map[string]struct{ scheme, host, want string }{
		"lower case":            {"https", "App.Example", "app.example"},
		"dot at the end":        {"https", "app.example.", "app.example"},
		"two dots at the end":   {"https", "app.example..", ""},
		"default port of https": {"https", "app.example:443", "app.example"},
		"default port of http":  {"http", "app.example:80", "app.example"},
		"other scheme's port":   {"http", "app.example:443", "app.example:443"},
		"port":                  {"https", "app.example:8443", "app.example:8443"},
		"dot before port":       {"https", "app.example.:8443", "app.example:8443"},
		"port with zero":        {"https", "app.example:0443", ""},
		"port zero":             {"https", "app.example:0", ""},
		"port too large":        {"https", "app.example:65536", ""},
		"port with sign":        {"https", "app.example:+443", ""},
		"no port":               {"https", "app.example:", ""},
		"two ports":             {"https", "app.example:1:2", ""},
		"user info":             {"https", "app.example:443@evil.example", ""},
		"user info short":       {"https", "a@evil.example", ""},
		"empty":                 {"https", "", ""},
		"dot only":              {"https", ".", ""},
		"empty label":           {"https", "a..example", ""},
		"leading dot":           {"https", ".example", ""},
		"space":                 {"https", "a example", ""},
		"line end":              {"https", "a.example\r\nX: y", ""},
		"slash":                 {"https", "a.example/x", ""},
		"backslash":             {"https", "a.example\\x", ""},
		"percent":               {"https", "a%2eexample", ""},
		"comma":                 {"https", "a.example,b.example", ""},
		"international":         {"https", "münchen.example", ""},
		"xn form":               {"https", "XN--mnchen-3ya.example", "xn--mnchen-3ya.example"},
		"fullwidth dot":         {"https", "a\uff0eexample", ""},
		"underscore":            {"https", "a_b.example", "a_b.example"},
		"label of 64":           {"https", strings.Repeat("a", 64) + ".example", ""},
		"too long":              {"https", strings.Repeat("a.", 140) + "example", ""},
		"way too long":          {"https", strings.Repeat("a", 5000), ""},
		"IPv4":                  {"http", "127.0.0.1:8080", "127.0.0.1:8080"},
		"IPv4 short":            {"http", "127.1", ""},
		"IPv4 octal":            {"http", "0177.0.0.1", ""},
		"IPv4 hex":              {"http", "0x7f000001", ""},
		"IPv4 number":           {"http", "2130706433", ""},
		"IPv4 too large":        {"http", "256.0.0.1", ""},
		"IPv6":                  {"https", "[2001:DB8::1]", "[2001:db8::1]"},
		"IPv6 long":             {"https", "[2001:0db8:0:0:0:0:0:1]:443", "[2001:db8::1]"},
		"IPv6 port":             {"https", "[::1]:8443", "[::1]:8443"},
		"IPv6 zone":             {"https", "[fe80::1%25eth0]", ""},
		"IPv6 bare":             {"https", "::1", ""},
		"IPv6 open":             {"https", "[::1", ""},
		"IPv6 tail":             {"https", "[::1]x", ""},
		"IPv4 in brackets":      {"https", "[127.0.0.1]", ""},
		"ftp":                   {"ftp", "a.example", ""},
		"no scheme":             {"", "a.example", ""},
		"upper scheme":          {"HTTPS", "a.example:443", "a.example"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r, err := policy.Canonical(c.scheme, c.host, "/")
			if (c.want == "") != (err != nil) || r.Host != c.want {
				t.Fatalf("%q gave %q, %v; want %q", c.host, r.Host, err, c.want)
			}
		})
	}
}

func TestCanonicalRefusesALongTarget(t *testing.T) {
	_, err := policy.Canonical("https", "a.example", "/"+strings.Repeat("a", policy.MaxTarget))
	if fault.CodeOf(err) != policy.CodeTargetTooLong {
		t.Fatalf("got %v", err)
	}
}

// Proves that the canonical form is canonical: it is its own, and no two forms that decode alike differ (SEC-22, FLT-33).
func FuzzCanonical(f *testing.F) {
	for target := range corpus() {
		f.Add("app.example", target)
	}
	f.Add("[2001:DB8::1]:443", "/")
	f.Add("A.example.:80", "/a%20b?c")
	f.Fuzz(func(t *testing.T, host, target string) {
		r, err := policy.Canonical("https", host, target)
		if err != nil {
			return
		}
		again, err := policy.Canonical(r.Scheme, r.Host, r.Path)
		if err != nil || again.Path != r.Path || again.Host != r.Host {
			t.Fatalf("%q %q is %+v, and that is %+v, %v", host, target, r, again, err)
		}
		if strings.ContainsAny(r.Path, "\\;?#\x00 ") || strings.Contains(r.Path, "//") || strings.Contains(r.Path, "/../") {
			t.Fatalf("%q gave %q", target, r.Path)
		}
	})
}
