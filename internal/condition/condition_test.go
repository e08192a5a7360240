package condition_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/condition"
)

func input() *condition.Input {
	now := time.Date(2026, 11, 30, 7, 30, 0, 0, time.UTC)
	return &condition.Input{User: "ann", Groups: []string{"admins", "staff"}, Attributes: map[string]string{"department": "hr"}, Level: 2, IdentityStore: "local",
		AuthenticatedAt: now.Add(-time.Minute), ClientAddress: "10.1.2.3", Method: "GET", Scheme: "https", Host: "shop.example", Path: "/orders/17", Now: now}
}

// TestConditions: every documented variable can be asked, and what cannot be answered is an error and no answer.
func TestConditions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`user == "ann"`: "true",
		`"staff" in groups && !("guests" in groups)`:                                   "true",
		`groups.exists(g, g.startsWith("adm"))`:                                        "true",
		`attributes.department == "hr"`:                                                "true",
		`attributes["department"] in ["it", "legal"]`:                                  "false",
		`has(attributes.country) && attributes.country == "DE"`:                        "false",
		`attributes.country == "DE"`:                                                   "no such key: country",
		`level >= 2 && identity_store == "local"`:                                      "true",
		`cidr("10.0.0.0/8").containsIP(client_address)`:                                "true",
		`cidr("2001:db8::/32").containsIP(client_address)`:                             "false",
		`method == "GET" && scheme == "https" && host == "shop.example"`:               "true",
		`path.matches("^/orders/[0-9]+$")`:                                             "true",
		`now - authenticated_at < duration("5m")`:                                      "true",
		`now.getHours("Europe/Berlin") == 8 && now.getHours() == 7`:                    "true",
		`now.getHours("Europe/Atlantis") == 8`:                                         "unknown time zone Europe/Atlantis",
		`level / (level - 2) == 1`:                                                     "division by zero",
		`user == "eve" || attributes.country == "DE"`:                                  "no such key: country",
		`user == "ann" || attributes.country == "DE"`:                                  "true",
		`groups.filter(g, g != "staff").size() == 1`:                                   "true",
		`timestamp("2026-12-01T00:00:00Z") > now && now.getDayOfWeek("Asia/Tokyo")==1`: "true",
	} {
		e, err := condition.Condition(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		holds, cost, err := e.Holds(input())
		got := map[bool]string{true: "true", false: "false"}[holds]
		if err != nil {
			got = err.Error()
		}
		if got != want || cost == 0 || cost > e.Cost() {
			t.Errorf("%s: %s at %d of %d units, want %s", text, got, cost, e.Cost(), want)
		}
	}
}

// TestConditionsSayWhereTheyAreWrong: line and column of the fault, and nothing of it is taken.
func TestConditionsSayWhereTheyAreWrong(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`usr == "x"`:                        "1:1: undeclared reference to 'usr'",
		"user == \"x\" &&\n  levl > 1":      "2:3: undeclared reference to 'levl'",
		`level == "2"`:                      "1:7: found no matching overload",
		`user`:                              "1:1: this is of type string, but a condition is true or false",
		`user ==`:                           "1:8: Syntax error",
		`user = "ann"`:                      "1:6: Syntax error: token recognition error at: '= '; == compares",
		`path.matches("(")`:                 "1:14: ",
		`path.matches("((a{30}){30}){30}")`: "1:14: ",
		`now > timestamp("yesterday")`:      "1:17: ",
		`query == ""`:                       "1:1: undeclared",
		`path.contains(path)`:               "may cost ",
		`groups.exists(g, groups.exists(h, g == h))`: "may cost ",
		``:                        "is empty",
		" \n":                     "is empty",
		strings.Repeat("(", 1000): "",
		strings.Repeat("!", 3000): "",
		`user == "` + strings.Repeat("x", 5000) + `"`: "is longer than 4096 bytes",
		`path.matches(attributes.pattern)`:            "has no bound",
		`1 / 0 == 1`:                                  "",
	} {
		e, err := condition.Condition(text)
		if err == nil { // constant faults may wait for the evaluation, but never hold
			if holds, _, err := e.Holds(input()); holds || err == nil {
				t.Errorf("%.40q was taken", text)
			}
			continue
		}
		if _, ok := errors.AsType[*condition.Error](err); !ok || !strings.HasPrefix(err.Error(), want) || len(err.Error()) > 320 || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.40q: %v", text, err)
		}
	}
}

// TestEvaluationsEnd: whatever the values are, an evaluation stops at the limit, and the estimate held for values of the sizes
// that it reckons with.
func TestEvaluationsEnd(t *testing.T) {
	t.Parallel()
	in := input()
	in.Groups = nil
	for range 100_000 {
		in.Groups = append(in.Groups, "g")
	}
	e, err := condition.Condition(`groups.exists(g, g == user)`)
	if err != nil {
		t.Fatal(err)
	}
	if holds, cost, err := e.Holds(in); holds || err == nil || !strings.Contains(err.Error(), "costs more") || cost > 2*condition.MaxCost {
		t.Errorf("%v at %d units: %v", holds, cost, err)
	}
	in.Groups = in.Groups[:1000]
	if _, cost, err := e.Holds(in); err != nil || cost > e.Cost() {
		t.Errorf("1,000 groups: %d of %d units, %v", cost, e.Cost(), err)
	}
}

// TestExpressionsAreSharedByRequests: one expression is evaluated by many at once (run with -race).
func TestExpressionsAreSharedByRequests(t *testing.T) {
	t.Parallel()
	e, err := condition.Condition(`"staff" in groups && path.matches("^/orders/[0-9]+$")`)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				if holds, _, err := e.Holds(input()); !holds || err != nil {
					t.Errorf("%v, %v", holds, err)
				}
			}
		})
	}
	wg.Wait()
}

// SEC-20: what an attribute holds cannot end a header line, and what is no ASCII arrives as ASCII.
func TestValues(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`user`:                         "ann",
		`level`:                        "2",
		`level > 1`:                    "true",
		`groups`:                       "admins,staff",
		`attributes.department`:        "hr",
		`attributes.odd`:               "a%0Ab", // never: refused below
		`user + "/" + string(level)`:   "ann/2",
		`user + "@" + host`:            "ann@shop.example",
		`["a,b", "c"]`:                 "a%2Cb,c",
		`"a,b"`:                        "a,b",
		`"M\u00fcller 100%"`:           "M%C3%BCller 100%25",
		`" x "`:                        "x",
		`has(attributes.x) ? "y" : ""`: "",
		`groups.filter(g, g == "z")`:   "",
	} {
		in := input()
		in.Attributes["odd"] = "a\nb"
		e, err := condition.Value(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		texts, err := e.Texts(in)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got, ok := condition.SendableValue(texts)
		if refused := text == `attributes.odd`; ok == refused || ok && got != want {
			t.Errorf("%s: %q, %v", text, got, ok)
		}
	}
	for _, s := range []string{"a\r\nX-User: b", "a\x00", "\x7f", strings.Repeat("x", condition.MaxValue+1), strings.Repeat("ü", condition.MaxValue/3)} {
		if v, ok := condition.SendableValue([]string{s}); ok {
			t.Errorf("%.20q is sent as %.40q", s, v)
		}
	}
	for _, text := range []string{`now`, `attributes`, `[1, 2]`, `1.5`, `null`, `b"x"`, ``} {
		if _, err := condition.Value(text); err == nil {
			t.Errorf("%q was taken for a header's value", text)
		}
	}
}

func TestHeaderNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"X-Department", "x-department", "Remote-User", "Cost-Center", "OAM-Remote-User", "X9"} {
		if err := condition.HeaderName(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"", "X_Department", "X Department", "X-Département", "X:Y", "9x", "-x", "x\r\ny", strings.Repeat("x", 65), "Host", "COOKIE", "Set-Cookie", "Authorization", "Connection",
		"transfer-encoding", "Content-Length", "X-Concord-User", "x-concord", "X-Forwarded-For", "Forwarded", "Proxy-Authorization", "Upgrade", "TE", "X-Original-URL", "X-HTTP-Method-Override", "Location"} {
		if condition.HeaderName(name) == nil {
			t.Errorf("%q was taken", name)
		}
	}
}

func TestNetworks(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"10.0.0.0/8", "0.0.0.0/0", "192.0.2.1/32", "2001:db8::/32", "::/0", "::1/128"} {
		if p, err := condition.Network(s); err != nil || p.String() != s {
			t.Errorf("%s: %v", s, err)
		}
	}
	for s, want := range map[string]string{"10.1.2.3/8": "write that", "10.0.0.1": "10.0.0.1/32", "2001:db8:0::/32": "write that", "2001:DB8::/32": "write that", "::ffff:10.0.0.0/104": "as IPv4",
		"10/8": "no network", "": "no network", "10.0.0.0/33": "no network", "fe80::1%eth0/64": "no network", "10.0.0.0/08": "no network", "example": "no network"} {
		if _, err := condition.Network(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", s, err)
		}
	}
	for s, want := range map[string]string{"10.0.0.1": "10.0.0.1", "::ffff:10.0.0.1": "10.0.0.1", "fe80::1%eth0": "fe80::1", "2001:DB8::1": "2001:db8::1", "": "invalid IP", "10.0.0.1:80": "invalid IP", "010.0.0.1": "invalid IP"} {
		if got := condition.Address(s).String(); got != want {
			t.Errorf("%s: %s", s, got)
		}
	}
}
