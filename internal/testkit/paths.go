package testkit

import (
	"net/url"
	"path"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// PathVectors are targets of requests that some programs read in another way than others: each trick on each of some paths, more than
// 300 of them, and some that nobody can misread (SEC-22, SEC-23).
func PathVectors() []string {
	out := []string{"/", "/public/x", "/public/", "/public/a%20b", "/public/%C3%BC", "/public/x?y=/admin/users", "/admin/users", "/admin", "/a/b/c"}
	for _, p := range []string{"/admin/users", "/secret.txt", "/a/b/c", "/public/admin/x"} {
		out = append(out, before(p)...)
		out = append(out, within(p)...)
		out = append(out, behind(p)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// before puts something in front of a path that falls away for some.
func before(p string) (out []string) {
	for _, b := range []string{"/.", "/", "/public/..", "/public/../public/..", "/public/%2e%2e", "/public/%2E.", "/public/..%2f..", "/public/%2e%2e%2f", "/public/..%5c", "/public/..;", "/public/..;x=1", "/public\\..", "/public/%252e%252e",
		"/public/%c0%ae%c0%ae", "/%2e", "/;", "/;x", "/public;/..", "/public/x/../..", "/public//..", "/%20", "/%09", "/public/%u002e%u002e", "/public/..%00", "/public%23/..", "/public%3f/..", "https://evil.example"} {
		out = append(out, b+p)
	}
	return append(out, p[1:], "\\"+p[1:], "%2f"+p[1:], "/public/..%2f"+p[1:], "/public/..%c0%af"+p[1:], "/public/..%252f"+p[1:], "/public/..\\"+p[1:])
}

// within spells a slash or a letter of a path in another way.
func within(p string) (out []string) {
	at := strings.LastIndexByte(p, '/')
	for _, slash := range []string{"//", "/./", "/%2e/", "/x/../", "/x/%2e%2e/", "%2f", "%2F", "%252f", "%5c", "\\", ";/", ";x=1/", "%3b/", "%20/", "./", "%2e/", "%00/", "%c0%af", "%ef%bc%8f", "%09/", "/%0a", "/;/"} {
		out = append(out, p[:at]+slash+p[at+1:])
	}
	first := p[1:2]
	hex := "%" + strings.ToLower(string("0123456789abcdef"[first[0]>>4])) + string("0123456789abcdef"[first[0]&15])
	return append(out, "/"+hex+p[2:], "/%25"+hex[1:]+p[2:], "/"+strings.ToUpper(hex)+p[2:], "/%c1%"+hex[1:]+p[2:], "/"+strings.ToUpper(first)+p[2:], p+"u%CC%88", p+"%C3%BC")
}

// behind puts something after a path that falls away for some.
func behind(p string) (out []string) {
	for _, b := range []string{".", "..", "%2e", "%20", "%20.", "%00", "%00.png", "%01", ";", ";.png", ";x=1", "%3b.png", "/", "//", "/.", "/%2e", "/..", "/../" + path.Base(p), "/x/..", "%23", "#/public", "?x=/public", "?/../public", "%3f", "%3fx=/public", "%09", "%0a", "%0d%0aX: y",
		"%ff", "%", "%zz", "%e2%80%ae", "%ef%bb%bf", "\\", "%5c", "::$DATA", "~1", "*", "%2a"} {
		out = append(out, p+b)
	}
	return out
}

// PathReadings are the paths that programs behind a web server may take a target for: decoded, resolved, collapsed and cut in every
// order that is known of some program. Query and fragment are cut off first: an encoded question mark is a letter of a path. Upper
// and lower case stay apart.
func PathReadings(target string) []string {
	first := target
	if i := strings.IndexAny(target, "?#"); i >= 0 {
		first = target[:i]
	}
	all := []string{first}
	seen := map[string]bool{first: true}
	for i := 0; i < len(all) && len(all) < 500; i++ {
		for _, read := range readers() {
			if r := read(all[i]); !seen[r] {
				seen[r] = true
				all = append(all, r)
			}
		}
	}
	return slices.DeleteFunc(all, func(r string) bool { // who decodes serves no encoded path
		d, err := url.PathUnescape(r)
		return err == nil && d != r
	})
}

func readers() []func(string) string {
	cut := func(at string) func(string) string {
		return func(s string) string { s, _, _ = strings.Cut(s, at); return s }
	}
	segments := func(each func(string) string) func(string) string {
		return func(s string) string {
			parts := strings.Split(s, "/")
			for i := range parts {
				parts[i] = each(parts[i])
			}
			return strings.Join(parts, "/")
		}
	}
	return []func(string) string{cut("\x00"),
		func(s string) string {
			if d, err := url.PathUnescape(s); err == nil {
				return d
			}
			return s
		},
		func(s string) string { return strings.ReplaceAll(s, `\`, "/") },
		func(s string) string {
			for strings.Contains(s, "//") {
				s = strings.ReplaceAll(s, "//", "/")
			}
			return s
		},
		segments(func(s string) string { s, _, _ = strings.Cut(s, ";"); return s }),
		segments(func(s string) string {
			if t := strings.TrimRight(s, ". "); t != "" {
				return t
			}
			return s
		}),
		func(s string) string {
			c := path.Clean("/" + s)
			if strings.HasSuffix(s, "/") && c != "/" {
				c += "/"
			}
			return c
		},
		norm.NFC.String,
	}
}
