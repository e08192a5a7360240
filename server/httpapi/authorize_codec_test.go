package httpapi_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/httpapi"
)

// sameDecoding fails unless the request path reads b as the strict walk does: the same value or the same refusal.
func sameDecoding(t *testing.T, b string) {
	t.Helper()
	var fast, strict wire.AuthorizeRequest
	gotErr, wantErr := httpapi.DecodeAuthorize([]byte(b), &fast), httpapi.DecodeStrict([]byte(b), &strict)
	if (gotErr == nil) != (wantErr == nil) || gotErr != nil && gotErr.Error() != wantErr.Error() {
		t.Errorf("%q: got error %v, want %v", b, gotErr, wantErr)
	}
	if d := cmp.Diff(strict, fast); wantErr == nil && d != "" {
		t.Errorf("%q: %s", b, d)
	}
}

// decodings are bodies and whether they are read by hand. SEC-28, SEC-60, SEC-62: nothing that is refused elsewhere is.
func decodings() map[string]struct {
	body   string
	byHand bool
} {
	return map[string]struct {
		body   string
		byHand bool
	}{
		"all":                  {`{"method":"GET","scheme":"https","host":"a.example:8443","target":"/x?y=1","client_address":"::1","cookie":"c1.NYDC.x_-","inactivity_cookie":"i","navigation":true,"flow_cookies":12}`, true},
		"spaced":               {`  { "method" : "GET" , "navigation" :false }  `, true},
		"over lines":           {" {\n\t\"method\" : \"GET\" ,\r\"navigation\":false } \n", false},
		"escaped ampersand":    {`{"target":"/x?a=1\u0026b=2"}`, true},
		"escaped quote":        {`{"target":"/\"\\"}`, true},
		"half a surrogate":     {`{"target":"\ud800"}`, true},
		"zero":                 {`{"flow_cookies":0}`, true},
		"nothing":              {``, false},
		"empty object":         {`{}`, false},
		"unknown":              {`{"methods":"GET"}`, false},
		"other case":           {`{"Method":"GET"}`, false},
		"escaped name":         {`{"\u006dethod":"GET"}`, true},
		"repeated":             {`{"method":"GET","method":"PUT"}`, false},
		"repeated, escaped":    {`{"method":"GET","\u006dethod":"PUT"}`, false},
		"repeated number":      {`{"flow_cookies":1,"flow_cookies":1}`, false},
		"null":                 {`{"cookie":null}`, false},
		"number for text":      {`{"cookie":1}`, false},
		"text for number":      {`{"flow_cookies":"1"}`, false},
		"text for truth":       {`{"navigation":"true"}`, false},
		"truth with a tail":    {`{"navigation":truer}`, false},
		"negative":             {`{"flow_cookies":-1}`, false},
		"fraction":             {`{"flow_cookies":1.5}`, false},
		"exponent":             {`{"flow_cookies":1e2}`, false},
		"leading zero":         {`{"flow_cookies":01}`, false},
		"large number":         {`{"flow_cookies":1234567}`, false},
		"too large a number":   {`{"flow_cookies":99999999999999999999}`, false},
		"unfinished text":      {`{"cookie":"x`, false},
		"unfinished escape":    {`{"cookie":"x\`, false},
		"wrong escape":         {`{"cookie":"\x41"}`, false},
		"control in text":      {"{\"cookie\":\"a\nb\"}", false},
		"not ASCII":            {`{"target":"/ü"}`, false},
		"not UTF-8":            {"{\"target\":\"/\xff\"}", false},
		"comma at the end":     {`{"method":"GET",}`, false},
		"comma at the start":   {`{,"method":"GET"}`, false},
		"no colon":             {`{"method" "GET"}`, false},
		"two values":           {`{"method":"GET"}{}`, false},
		"list":                 {`[]`, false},
		"nested":               {`{"cookie":{"a":[1]}}`, false},
		"a comment":            {`{"method":"GET"/**/}`, false},
		"a byte order mark":    {"\ufeff{\"method\":\"GET\"}", false},
		"no-break space":       {"{\u00a0\"method\":\"GET\"}", false},
		"deep":                 {`{"cookie":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`, false},
		"delete character":     {"{\"cookie\":\"\x7f\"}", true},
		"escaped backslash":    {`{"target":"/a\\","host":"h"}`, true},
		"three backslashes":    {`{"target":"/\\\"","host":"h"}`, true},
		"no end after escape":  {`{"target":"/\"}`, false},
		"control at the end":   {"{\"cookie\":\"abcdefghijklm\x1f\"}", false},
		"null character":       {"{\"cookie\":\"\x00\"}", false},
		"escaped nothing name": {`{"":"x"}`, false},
	}
}

func TestDecodeAuthorize(t *testing.T) {
	t.Parallel()
	for name, c := range decodings() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sameDecoding(t, c.body)
			if got := httpapi.DecodesByHand([]byte(c.body)); got != c.byHand {
				t.Errorf("%q read by hand: %v", c.body, got)
			}
		})
	}
}

func FuzzDecodeAuthorize(f *testing.F) {
	for _, c := range decodings() {
		f.Add(c.body)
	}
	f.Fuzz(sameDecoding)
}

// sameEncoding fails unless an answer is written as encoding/json writes it.
func sameEncoding(t *testing.T, a wire.AuthorizeAnswer) {
	t.Helper()
	want, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	got, err := httpapi.EncodeAuthorize(&a)
	if err != nil || string(got) != string(want) {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
}

func TestEncodeAuthorize(t *testing.T) {
	t.Parallel()
	many := map[string]string{}
	for _, c := range "abcdefghijkl" {
		many["X-"+string(c)] = string(c)
	}
	for name, c := range map[string]struct {
		answer wire.AuthorizeAnswer
		byHand bool
	}{
		"allow":             {wire.AuthorizeAnswer{Decision: wire.DecisionAllow, Reason: "local", User: "ann", Headers: map[string]string{"X-Concord-User": "ann", "X-Concord-Groups": "a,b", "X-Concord-Level": "1"}}, true},
		"public":            {wire.AuthorizeAnswer{Decision: wire.DecisionAllow, Reason: "public"}, true},
		"deny":              {wire.AuthorizeAnswer{Decision: wire.DecisionDeny, Reason: "policy/rule/1", User: "ann"}, true},
		"challenge":         {wire.AuthorizeAnswer{Decision: wire.DecisionChallenge, Reason: "no_cookie"}, true},
		"many headers":      {wire.AuthorizeAnswer{Headers: many}, true},
		"location":          {wire.AuthorizeAnswer{Decision: wire.DecisionChallenge, Location: "https://x/?a=1&b"}, false},
		"a cookie":          {wire.AuthorizeAnswer{SetCookies: []string{"__Secure-concord_gito=c1.NYDC.x_-; Path=/; Domain=example.com"}}, true},
		"cookie not plain":  {wire.AuthorizeAnswer{SetCookies: []string{`a="b"`}}, false},
		"cookies":           {wire.AuthorizeAnswer{SetCookies: []string{"a=b", "c=d"}}, false},
		"cached":            {wire.AuthorizeAnswer{CacheSeconds: 20, SSOID: "abc"}, true},
		"cached for -1 s":   {wire.AuthorizeAnswer{CacheSeconds: -1}, false},
		"quote in sign-on":  {wire.AuthorizeAnswer{SSOID: `"`}, false},
		"user not ASCII":    {wire.AuthorizeAnswer{User: "änne"}, false},
		"< in reason":       {wire.AuthorizeAnswer{Reason: "a<b"}, false},
		"> in reason":       {wire.AuthorizeAnswer{Reason: "a>b"}, false},
		"& in reason":       {wire.AuthorizeAnswer{Reason: "a&b"}, false},
		"quote in decision": {wire.AuthorizeAnswer{Decision: `"\`}, false},
		"line in header":    {wire.AuthorizeAnswer{Headers: map[string]string{"X": "a\r\nb\u2028"}}, false},
		"quote in name":     {wire.AuthorizeAnswer{Headers: map[string]string{`X"`: "a"}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sameEncoding(t, c.answer)
			if got := httpapi.EncodesByHand(&c.answer); got != c.byHand {
				t.Errorf("written by hand: %v", got)
			}
		})
	}
}

func FuzzEncodeAuthorize(f *testing.F) {
	f.Add("allow", "local", "ann", "X-Concord-User", "ann", "", 0)
	f.Add("deny", "<&>", "ä", `"`, "\u2028", "/l", 1)
	f.Fuzz(func(t *testing.T, decision, reason, user, header, value, location string, seconds int) {
		sameEncoding(t, wire.AuthorizeAnswer{Decision: decision, Reason: reason, User: user, Location: location, CacheSeconds: seconds, SSOID: user,
			Headers: map[string]string{header: value, "X": user}})
	})
}
