package condition

import (
	"errors"
	"fmt"
	"net/textproto"
	"slices"
	"strings"
)

// Limits of the headers that a policy sets for an application.
const (
	MaxHeaders    = 32
	MaxHeaderName = 64   // bytes
	MaxValue      = 1024 // bytes of one value as it is sent
	MaxValues     = 4096 // bytes of all values of a decision
)

// HeaderName says why a policy may not set a header of this name; nil when it may. Refused is what steers the connection or the
// message, what names the browser's request or whom it comes from, what Concord says itself, and Authorization, because an
// application takes it for proof of its own. An underscore is refused because many programs read it as a dash.
func HeaderName(name string) error {
	if name == "" || len(name) > MaxHeaderName || strings.Trim(name, letters+"0123456789-") != "" || strings.IndexByte(letters, name[0]) < 0 {
		return fmt.Errorf("%q is no header name: up to %d letters, digits and dashes, starting with a letter", clip(name), MaxHeaderName)
	}
	folded := strings.ToLower(name)
	if slices.Contains(forbiddenHeaders(), folded) || slices.ContainsFunc(forbiddenBeginnings(), func(p string) bool { return strings.HasPrefix(folded, p) }) {
		return errors.New("a policy may not set this header: it steers the request itself, or says what Concord or the browser says")
	}
	return nil
}

// SpellHeader gives the one spelling in which a header is sent.
func SpellHeader(name string) string { return textproto.CanonicalMIMEHeaderKey(name) }

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

func forbiddenHeaders() []string {
	return []string{
		"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "expect", "host", "http2-settings", "max-forwards", // the connection (RFC 9110 section 7.6.1)
		"cookie", "cookie2", "set-cookie", "set-cookie2", "authorization", "www-authenticate", "authentication-info", // proofs
		"location", "date", "age", "allow", "cache-control", "pragma", "expires", "vary", "etag", "last-modified", "server", "retry-after", "link", "refresh", "status", // answers of Concord and of web servers
		"via", "forwarded", "x-real-ip", "x-client-ip", "x-request-id", "x-rewrite-url", "x-method-override", "true-client-ip", "cf-connecting-ip", // the request as proxies tell it
		"origin", "referer", "user-agent", "range", "from", "traceparent", "tracestate", // the browser's
	}
}

func forbiddenBeginnings() []string {
	return []string{"x-concord", "x-forwarded", "x-original-", "x-http-method", "x-envoy-", "x-accel-", "x-sendfile", "proxy-", "content-", "accept", "if-", "sec-", "access-control-", "strict-transport-"}
}

// SendableValue makes one header value of texts. Printable ASCII stands for itself; every other byte is %XX, and so are % and, in
// an item of a list, the comma that separates items. Control characters are refused rather than encoded: an application that decodes
// must not get a line end from an attribute. ok is false for those and for a value longer than MaxValue.
func SendableValue(texts []string) (value string, ok bool) {
	var b strings.Builder
	for i, s := range texts {
		if i > 0 {
			b.WriteByte(',')
		}
		for j := range len(s) {
			switch c := s[j]; {
			case c < ' ' || c == 0x7f:
				return "", false
			case c > 0x7f || c == '%' || c == ',' && len(texts) > 1:
				fmt.Fprintf(&b, "%%%02X", c)
			default:
				b.WriteByte(c)
			}
		}
		if b.Len() > MaxValue {
			return "", false
		}
	}
	return strings.Trim(b.String(), " "), true
}
