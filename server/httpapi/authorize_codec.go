package httpapi

import (
	"encoding/binary"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// The request path reads and writes its two bodies by hand: the strict walk of decodeStrict takes longer than all else
// that an authorization does. What is unusual goes the common way, so this file decides nothing: it accepts only what
// decodeStrict accepts, with the same result, and says the same as encoding/json. Tests compare them.

// decodeAuthorize is decodeStrict for an AuthorizeRequest.
func decodeAuthorize(b []byte, out *wire.AuthorizeRequest) error {
	if s := (flat{text: string(b)}); ascii(b) && s.authorize(out) {
		return nil
	}
	*out = wire.AuthorizeRequest{}
	return decodeStrict(b, out)
}

// ascii says that no byte of b is a control character or above 0x7f. It looks at eight at a time: a byte below 0x20
// borrows from its highest bit, which no byte of a printable text has set.
func ascii(b []byte) bool {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for ; len(b) >= 8; b = b[8:] {
		v := binary.LittleEndian.Uint64(b)
		if (v|(v-' '*ones)&^v)&highs != 0 {
			return false
		}
	}
	for _, c := range b {
		if c < ' ' || c >= 0x80 {
			return false
		}
	}
	return true
}

// flat reads a JSON object of strings, numbers and booleans, all of it printable ASCII. Every method gives false for whatever it does not know,
// which says nothing about the text but that somebody else must read it. What it gives are parts of text, not copies.
type flat struct {
	text string
	at   int
}

func (f *flat) authorize(out *wire.AuthorizeRequest) bool {
	if !f.take('{') || f.take('}') {
		return false
	}
	seen := 0
	for more := true; more; more = f.take(',') {
		key, ok := f.str()
		if !ok || !f.take(':') {
			return false
		}
		bit, ok := f.member(key, out)
		if !ok || seen&bit != 0 { // unknown, of another type, or repeated
			return false
		}
		seen |= bit
	}
	if !f.take('}') {
		return false
	}
	f.space()
	return f.at == len(f.text)
}

// member reads one value; bit is the member's own.
func (f *flat) member(key string, out *wire.AuthorizeRequest) (bit int, ok bool) {
	switch key {
	case "navigation":
		out.Navigation, ok = f.boolean()
		return 1, ok
	case "flow_cookies":
		out.FlowCookies, ok = f.digits()
		return 2, ok
	}
	into, bit := textOf(key, out)
	if into == nil {
		return 0, false
	}
	*into, ok = f.str()
	return bit, ok
}

// textOf gives where a text of the request goes, nil for none.
func textOf(key string, out *wire.AuthorizeRequest) (into *string, bit int) {
	switch key {
	case "method":
		return &out.Method, 4
	case "scheme":
		return &out.Scheme, 8
	case "host":
		return &out.Host, 16
	case "target":
		return &out.Target, 32
	case "client_address":
		return &out.ClientAddress, 64
	case "cookie":
		return &out.Cookie, 128
	case "inactivity_cookie":
		return &out.InactivityCookie, 256
	}
	return nil, 0
}

func (f *flat) space() {
	for f.at < len(f.text) && f.text[f.at] == ' ' {
		f.at++
	}
}

// take goes past c and the space before it, if c is next.
func (f *flat) take(c byte) bool {
	f.space()
	if f.at >= len(f.text) || f.text[f.at] != c {
		return false
	}
	f.at++
	return true
}

// str reads a string. Escapes, which Go's encoder writes for & in a query, are left to encoding/json.
func (f *flat) str() (string, bool) {
	if !f.take('"') {
		return "", false
	}
	begin, escaped := f.at, false
	for {
		n := strings.IndexByte(f.text[f.at:], '"')
		if n < 0 {
			return "", false
		}
		f.at += n + 1
		before := f.text[begin : f.at-1]
		slashes := len(before) - len(strings.TrimRight(before, `\`))
		escaped = escaped || slashes > 0
		if slashes%2 == 1 { // the quote is escaped itself
			continue
		}
		if escaped || strings.IndexByte(before, '\\') >= 0 {
			return unquote(f.text[begin-1 : f.at])
		}
		return before, true
	}
}

func unquote(quoted string) (s string, ok bool) {
	return s, json.Unmarshal([]byte(quoted), &s) == nil
}

func (f *flat) boolean() (value, ok bool) {
	f.space()
	for _, word := range [...]string{"false", "true"} {
		if strings.HasPrefix(f.text[f.at:], word) {
			f.at += len(word)
			return word == "true", true
		}
	}
	return false, false
}

// digits reads a whole number from 0 to 999,999.
func (f *flat) digits() (n int, ok bool) {
	f.space()
	begin := f.at
	for f.at < len(f.text) && f.text[f.at] >= '0' && f.text[f.at] <= '9' && f.at-begin < 7 {
		n = 10*n + int(f.text[f.at]-'0')
		f.at++
	}
	length := f.at - begin
	return n, length == 1 || length > 1 && length < 7 && f.text[begin] != '0'
}

// encodeAuthorize is json.Marshal for an AuthorizeAnswer.
func encodeAuthorize(a *wire.AuthorizeAnswer) ([]byte, error) {
	if b, ok := appendAuthorize(make([]byte, 0, 1024), a); ok {
		return b, nil
	}
	return json.Marshal(a)
}

// appendAuthorize knows the answers that are given most: without a location, and with one cookie at most.
func appendAuthorize(b []byte, a *wire.AuthorizeAnswer) (_ []byte, ok bool) {
	if a.Location != "" || a.WWWAuthenticate != "" || a.CredentialsUsed || len(a.SetCookies) > 1 || len(a.SetCookies) == 1 && !plain(a.SetCookies[0]) || a.CacheSeconds < 0 || !plain(a.SSOID) || !plain(a.Decision) || !plain(a.Reason) || !plain(a.User) {
		return nil, false
	}
	b = appendMember(append(b, '{'), "decision", a.Decision)
	b = appendMember(append(b, ','), "reason", a.Reason)
	if a.User != "" {
		b = appendMember(append(b, ','), "user", a.User)
	}
	if len(a.Headers) > 0 {
		if b, ok = appendHeaders(append(b, `,"headers":{`...), a.Headers); !ok {
			return nil, false
		}
	}
	if len(a.SetCookies) == 1 {
		b = append(append(append(b, `,"set_cookies":["`...), a.SetCookies[0]...), `"]`...)
	}
	b = strconv.AppendInt(append(b, `,"cache_seconds":`...), int64(a.CacheSeconds), 10)
	if a.SSOID != "" {
		b = appendMember(append(b, ','), "sso_id", a.SSOID)
	}
	return append(b, '}'), true
}

func appendHeaders(b []byte, headers map[string]string) (_ []byte, ok bool) {
	var room [8]string
	names := room[:0]
	for name := range headers {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		value := headers[name]
		if !plain(name) || !plain(value) {
			return nil, false
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = appendMember(b, name, value)
	}
	return append(b, '}'), true
}

func appendMember(b []byte, name, value string) []byte {
	b = append(append(append(b, '"'), name...), `":"`...)
	return append(append(b, value...), '"')
}

// plain says that s stands in a JSON string as it is.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			return false
		}
	}
	return true
}
