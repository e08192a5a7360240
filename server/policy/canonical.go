package policy

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// Longest parts of a request that are looked at, in bytes.
const (
	MaxHost   = 300
	MaxTarget = 8192
)

// Codes of the faults of Canonical.
const (
	CodeAmbiguousPath = "ambiguous_path" // the path could be read in two ways
	CodeBadHost       = "bad_host"       // no host name or address, or spelled in a way that only some programs understand
	CodeBadScheme     = "bad_scheme"     // neither http nor https
	CodeTargetTooLong = "target_too_long"
)

// Resource is what a request asks for, in the one form in which everybody compares it.
type Resource struct {
	Scheme string // http or https
	Host   string // lower case, without the scheme's default port, without a dot at the end: "app.example", "[::1]:8443"
	Path   string // as of Canonical, starts with /
	Query  string // as it was sent, without the question mark; no rule looks at it
}

// Request is the question that goes with r.
func (r Resource) Request(method string) Request {
	return Request{Method: method, Scheme: r.Scheme, Host: r.Host, Path: r.Path}
}

// Canonical computes the canonical form of a request once (SEC-22, SEC-23, SEC-25). host is the Host header, target the
// origin form as the browser sent it: path and query.
//
// In the canonical path each byte has one spelling: letters, digits and -._~!$&'()*+,=:@ stand for themselves, every other
// byte is %XX in upper case; so %61 is a, and %7e is ~. Nothing is resolved or collapsed: programs differ in how they do it.
// Refused (Invalid, CodeAmbiguousPath): dot segments, empty segments, a segment that ends in a dot or a space; encoded
// slash, percent sign and NUL; backslash and semicolon in either spelling; control characters; bytes that are not UTF-8 in
// normal form C; a fragment; a target that is not origin form. Canonical of a canonical form is the same again.
func Canonical(scheme, host, target string) (Resource, error) {
	s := strings.ToLower(scheme)
	if s != "http" && s != "https" {
		return Resource{}, fault.New(fault.Invalid, CodeBadScheme, "The scheme of a request is http or https.")
	}
	h, ok := canonicalHost(s, host)
	if !ok {
		return Resource{}, fault.New(fault.Invalid, CodeBadHost, "The host of the request is not a plain host name or address.")
	}
	if len(target) > MaxTarget {
		return Resource{}, fault.New(fault.Invalid, CodeTargetTooLong, "The address is longer than %d bytes.", MaxTarget)
	}
	path, query, _ := strings.Cut(target, "?")
	p, ok := canonicalPath(path)
	if !ok || !cleanQuery(query) {
		return Resource{}, fault.New(fault.Invalid, CodeAmbiguousPath,
			"The address can be read in more than one way, so it is refused. Check it for //, dots between slashes, ; \\ and unusual %% codes.")
	}
	return Resource{Scheme: s, Host: h, Path: p, Query: query}, nil
}

// cleanQuery refuses what would end the request line or start a fragment; rules never look at a query.
func cleanQuery(q string) bool {
	for i := range len(q) {
		if q[i] <= ' ' || q[i] == 0x7f || q[i] == '#' {
			return false
		}
	}
	return true
}

// canonicalPath gives the canonical form; the common path, already canonical, is scanned once and not copied.
func canonicalPath(p string) (string, bool) {
	if p == "" || p[0] != '/' {
		return "", false
	}
	if !isPlain(p) {
		decoded, ok := decode(p)
		if !ok || !sound(decoded) {
			return "", false
		}
		p = encode(decoded)
	}
	return p, goodSegments(p)
}

// isPlain says that every byte of p stands for itself.
func isPlain(p string) bool {
	for i := range len(p) {
		if !literal(p[i]) {
			return false
		}
	}
	return true
}

// literal says whether c stands for itself in a canonical path: RFC 3986 pchar without ; which starts parameters for some.
func literal(c byte) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '/', c == '-', c == '.', c == '_':
		return true
	}
	return strings.IndexByte("~!$&'()*+,=:@", c) >= 0
}

// decode removes percent-encoding once and refuses what means different things before and after it.
func decode(p string) (string, bool) {
	var b strings.Builder
	b.Grow(len(p))
	for i := 0; i < len(p); i++ {
		c := p[i]
		if c == '#' || c == '?' {
			return "", false
		}
		if c == '%' {
			if i+2 >= len(p) || !isHex(p[i+1]) || !isHex(p[i+2]) {
				return "", false
			}
			c = unhex(p[i+1])<<4 | unhex(p[i+2])
			i += 2
			if c == '/' || c == '%' {
				return "", false
			}
		}
		if c == '\\' || c == ';' {
			return "", false
		}
		b.WriteByte(c)
	}
	return b.String(), true
}

// sound refuses text that a program behind us may read as other text: overlong UTF-8, controls, another normal form.
func sound(s string) bool {
	return utf8.ValidString(s) && norm.NFC.IsNormalString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp) || r == utf8.RuneError
	})
}

func encode(s string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	b.Grow(len(s) + 16)
	for i := range len(s) {
		if c := s[i]; literal(c) {
			b.WriteByte(c)
		} else {
			b.WriteByte('%')
			b.WriteByte(digits[c>>4])
			b.WriteByte(digits[c&15])
		}
	}
	return b.String()
}

// goodSegments refuses segments that some programs resolve, collapse or trim. p starts with / and is encoded.
func goodSegments(p string) bool {
	for rest := p[1:]; ; {
		segment, tail, more := strings.Cut(rest, "/")
		if segment == "" && more || strings.HasSuffix(segment, ".") || strings.HasSuffix(segment, "%20") {
			return false
		}
		if !more {
			return true
		}
		rest = tail
	}
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	}
	return c - 'a' + 10
}
