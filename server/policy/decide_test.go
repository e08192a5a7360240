package policy_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/policy"
)

func compile(t testing.TB, apps []*mdc.Application, policies []*mdc.AuthorizationPolicy) *policy.Index {
	t.Helper()
	ix, err := policy.Compile(apps, policies, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return ix
}

func shop() ([]*mdc.Application, []*mdc.AuthorizationPolicy) {
	apps := []*mdc.Application{{
		Name: "shop", Hosts: []string{"shop.example", "*.shop.example", "local.example:8443", "old.example:443"},
		Resources: map[string]mdc.Resource{
			"all":     {Paths: []string{"/**"}, Protection: mdc.Protected},
			"assets":  {Paths: []string{"/assets/**"}, Protection: mdc.Excluded, Methods: []string{"GET", "HEAD"}},
			"start":   {Paths: []string{"/"}, Protection: mdc.Public},
			"admin":   {Paths: []string{"/admin/**"}, Protection: mdc.Protected, AuthorizationPolicy: "admins"},
			"mine":    {Paths: []string{"/users/*/mail"}, Protection: mdc.Protected, AuthorizationPolicy: "staff"},
			"umlaut":  {Paths: []string{"/über uns"}, Protection: mdc.Public},
			"lost":    {Paths: []string{"/lost"}, Protection: mdc.Protected, AuthorizationPolicy: "gone"},
			"tied":    {Paths: []string{"/tied"}, Protection: mdc.Public},
			"tied2":   {Paths: []string{"/tied"}, Protection: mdc.Protected},
			"literal": {Paths: []string{"/users/bob/**"}, Protection: mdc.Public},
		},
	}, {
		Name: "api", Hosts: []string{"api.shop.example"},
		Resources: map[string]mdc.Resource{"v1": {Paths: []string{"/v1/*"}, Protection: mdc.Public}},
	}}
	policies := []*mdc.AuthorizationPolicy{
		{Name: "admins", Rules: []mdc.Rule{
			{Effect: mdc.Allow, Groups: []string{"admins"}},
			{Effect: mdc.Allow, Users: []string{"Eve"}},
			{Effect: mdc.Deny, Groups: []string{"suspended"}},
			{Effect: mdc.Allow, Groups: []string{"owners"}},
		}},
		{Name: "staff", Rules: []mdc.Rule{{Effect: mdc.Deny, Users: []string{"mallory"}}, {Effect: mdc.Allow}}},
	}
	return apps, policies
}

// Proves TAM-01 and CAMS-04 in what a decision is, SEC-21 and SEC-24 (method), SEC-25 (deny wins, edges of hosts).
func TestDecide(t *testing.T) {
	ix := compile(t, first(shop()), second(shop()))
	bob := &policy.Subject{User: "bob", Level: 1}
	admin := &policy.Subject{User: "ann", Groups: []string{"x", "admins"}, Level: 1}
	suspended := &policy.Subject{User: "ann", Groups: []string{"admins", "suspended"}, Level: 1}
	cases := map[string]struct {
		method, host, path string
		subject            *policy.Subject
		want               policy.Decision
	}{
		"nobody at a protected page":    {"GET", "shop.example", "/x", nil, policy.Decision{Effect: policy.Challenge, Application: "shop", Resource: "all", Rule: "not_signed_in", Level: 1}},
		"any user":                      {"GET", "shop.example", "/x/y/", bob, policy.Decision{Effect: policy.Allow, Application: "shop", Resource: "all", Rule: "any_user"}},
		"level too low":                 {"GET", "shop.example", "/x", &policy.Subject{User: "bob"}, policy.Decision{Effect: policy.Challenge, Application: "shop", Resource: "all", Rule: "level_too_low", Level: 1}},
		"exact beats all":               {"GET", "shop.example", "/", nil, policy.Decision{Effect: policy.Public, Application: "shop", Resource: "start", Rule: "public"}},
		"excluded":                      {"GET", "shop.example", "/assets/a/b.css", nil, policy.Decision{Effect: policy.Excluded, Application: "shop", Resource: "assets", Rule: "excluded"}},
		"all below covers itself":       {"GET", "shop.example", "/assets", nil, policy.Decision{Effect: policy.Excluded, Application: "shop", Resource: "assets", Rule: "excluded"}},
		"not a beginning of a name":     {"GET", "shop.example", "/assetsx", nil, policy.Decision{Effect: policy.Challenge, Application: "shop", Resource: "all", Rule: "not_signed_in", Level: 1}},
		"method not covered":            {"POST", "shop.example", "/assets/a", admin, policy.Decision{Effect: policy.Deny, Application: "shop", Resource: "assets", Rule: "method_not_covered"}},
		"unknown method":                {"PROPFIND", "shop.example", "/assets/a", admin, policy.Decision{Effect: policy.Deny, Rule: "unknown_method"}},
		"lower-case method":             {"get", "shop.example", "/", admin, policy.Decision{Effect: policy.Deny, Rule: "unknown_method"}},
		"connect":                       {"CONNECT", "shop.example", "/", admin, policy.Decision{Effect: policy.Deny, Rule: "unknown_method"}},
		"options skips nothing":         {"OPTIONS", "shop.example", "/admin/", nil, policy.Decision{Effect: policy.Challenge, Application: "shop", Resource: "admin", Rule: "not_signed_in", Level: 1}},
		"group":                         {"GET", "shop.example", "/admin", admin, policy.Decision{Effect: policy.Allow, Application: "shop", Resource: "admin", Rule: "admins/rule/1"}},
		"user without case":             {"GET", "shop.example", "/admin/x", &policy.Subject{User: "EVE", Level: 1}, policy.Decision{Effect: policy.Allow, Application: "shop", Resource: "admin", Rule: "admins/rule/2"}},
		"group with case":               {"GET", "shop.example", "/admin", &policy.Subject{User: "u", Groups: []string{"Admins"}, Level: 1}, policy.Decision{Effect: policy.Deny, Application: "shop", Resource: "admin", Rule: "admins/none_fits"}},
		"first rule that fits is named": {"GET", "shop.example", "/admin", &policy.Subject{User: "eve", Groups: []string{"admins", "owners"}, Level: 1}, policy.Decision{Effect: policy.Allow, Application: "shop", Resource: "admin", Rule: "admins/rule/1"}},
		"deny wins":                     {"GET", "shop.example", "/admin", suspended, policy.Decision{Effect: policy.Deny, Application: "shop", Resource: "admin", Rule: "admins/rule/3"}},
		"no rule fits":                  {"GET", "shop.example", "/admin", bob, policy.Decision{Effect: policy.Deny, Application: "shop", Resource: "admin", Rule: "admins/none_fits"}},
		"one segment":                   {"GET", "shop.example", "/users/ann/mail", bob, policy.Decision{Effect: policy.Allow, Application: "shop", Resource: "mine", Rule: "staff/rule/2"}},
		"deny before everyone":          {"GET", "shop.example", "/users/ann/mail", &policy.Subject{User: "mallory", Level: 1}, policy.Decision{Effect: policy.Deny, Application: "shop", Resource: "mine", Rule: "staff/rule/1"}},
		"one segment, not two":          {"GET", "shop.example", "/users/a/b/mail", bob, policy.Decision{Effect: policy.Allow, Application: "shop", Resource: "all", Rule: "any_user"}},
		"literal beats star":            {"GET", "shop.example", "/users/bob/mail", nil, policy.Decision{Effect: policy.Public, Application: "shop", Resource: "literal", Rule: "public"}},
		"canonical pattern":             {"GET", "shop.example", "/%C3%BCber%20uns", nil, policy.Decision{Effect: policy.Public, Application: "shop", Resource: "umlaut", Rule: "public"}},
		"policy missing":                {"GET", "shop.example", "/lost", admin, policy.Decision{Effect: policy.Deny, Application: "shop", Resource: "lost", Rule: "policy_missing"}},
		"tie goes to the stricter":      {"GET", "shop.example", "/tied", nil, policy.Decision{Effect: policy.Challenge, Application: "shop", Resource: "tied2", Rule: "not_signed_in", Level: 1}},
		"wildcard host":                 {"GET", "eu.shop.example", "/", nil, policy.Decision{Effect: policy.Public, Application: "shop", Resource: "start", Rule: "public"}},
		"exact host before wildcard":    {"GET", "api.shop.example", "/v1/a", nil, policy.Decision{Effect: policy.Public, Application: "api", Resource: "v1", Rule: "public"}},
		"and nothing from wildcard":     {"GET", "api.shop.example", "/", admin, policy.Decision{Effect: policy.Deny, Rule: "not_covered"}},
		"wildcard is one label":         {"GET", "a.b.shop.example", "/", admin, policy.Decision{Effect: policy.Deny, Rule: "unknown_host"}},
		"port":                          {"GET", "local.example:8443", "/", nil, policy.Decision{Effect: policy.Public, Application: "shop", Resource: "start", Rule: "public"}},
		"other port":                    {"GET", "local.example", "/", admin, policy.Decision{Effect: policy.Deny, Rule: "unknown_host"}},
		"default port spelled out":      {"GET", "old.example", "/", nil, policy.Decision{Effect: policy.Public, Application: "shop", Resource: "start", Rule: "public"}},
		"unknown host":                  {"GET", "evil.example", "/", admin, policy.Decision{Effect: policy.Deny, Rule: "unknown_host"}},
		"empty host":                    {"GET", "", "/", admin, policy.Decision{Effect: policy.Deny, Rule: "unknown_host"}},
		"empty path":                    {"GET", "shop.example", "", admin, policy.Decision{Effect: policy.Deny, Rule: "not_covered"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := ix.Decide(policy.Request{Method: c.method, Host: c.host, Path: c.path}, c.subject)
			if d := cmp.Diff(c.want, got); d != "" {
				t.Fatal(d)
			}
		})
	}
}

func first[A, B any](a A, _ B) A  { return a }
func second[A, B any](_ A, b B) B { return b }

func TestDecideDefaultAnyUserCountsOnlyWhereNoApplicationNamesTheHost(t *testing.T) {
	ix := compile(t, first(shop()), nil)
	bob := &policy.Subject{User: "bob", Level: 1}
	ask := func(host, method string, s *policy.Subject) policy.Decision {
		return ix.Decide(policy.Request{Method: method, Host: host, Path: "/x", DefaultAnyUser: true}, s)
	}
	if d := ask("new.example", "GET", bob); d.Effect != policy.Allow || d.Rule != policy.RuleDefaultAnyUser {
		t.Errorf("signed in: %+v", d)
	}
	if d := ask("new.example", "GET", nil); d.Effect != policy.Challenge {
		t.Errorf("nobody: %+v", d)
	}
	if d := ask("new.example", "GET", &policy.Subject{User: "bob"}); d.Effect != policy.Challenge {
		t.Errorf("level 0: %+v", d)
	}
	if d := ask("new.example", "BREW", bob); d.Effect != policy.Deny {
		t.Errorf("unknown method: %+v", d)
	}
	if d := ask("api.shop.example", "GET", bob); d.Effect != policy.Deny {
		t.Errorf("named host, path not covered: %+v", d)
	}
}

func TestCompileWarnsOfHostsThatNoRequestHas(t *testing.T) {
	ix := compile(t, []*mdc.Application{{Name: "a", Hosts: []string{"münchen.example", "ok.example"}}}, nil)
	if w := ix.Warnings(); len(w) != 1 || !strings.Contains(w[0], "münchen.example") {
		t.Fatalf("got %q", w)
	}
	if d := ix.Decide(policy.Request{Method: "GET", Host: "ok.example", Path: "/"}, nil); d.Rule != policy.RuleNotCovered {
		t.Fatalf("a host without resources gave %+v", d)
	}
}

func TestCompileRefusesWhatMdcWouldNotTake(t *testing.T) {
	bad := map[string][]*mdc.Application{
		"nil":     {nil},
		"method":  {{Name: "a", Hosts: []string{"a.example"}, Resources: map[string]mdc.Resource{"r": {Paths: []string{"/"}, Methods: []string{"BREW"}}}}},
		"pattern": {{Name: "a", Hosts: []string{"a.example"}, Resources: map[string]mdc.Resource{"r": {Paths: []string{"x"}}}}},
	}
	for name, apps := range bad {
		if _, err := policy.Compile(apps, nil, nil, nil); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if _, err := policy.Compile(nil, []*mdc.AuthorizationPolicy{nil}, nil, nil); err == nil {
		t.Error("a nil policy was taken")
	}
}

// Proves SEC-25: 100,000 random questions get the answer of the matcher that looks at everything; what a clone makes of the
// journal's bodies gives the same decision with the same rule and headers; and the explanation tells of the same.
func TestDecideEqualsTheNaiveMatcher(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(7, 25))
	seen, fits := map[policy.Effect]int{}, map[string]int{}
	for range 1000 {
		apps, policies := randomConfiguration(rnd)
		ix, other := compile(t, apps, policies), clone(t, rnd, apps, policies)
		for range 100 {
			r, s := randomQuestion(rnd)
			got := ix.Decide(r, s)
			if want := naive(apps, policies, r, s); got.Effect != want {
				t.Fatalf("%+v by %+v: got %+v, want %s\napps %+v\npolicies %+v", r, s, got, want, deref(apps), deref(policies))
			}
			if d := cmp.Diff(got, other.Decide(r, s)); d != "" {
				t.Fatalf("the clone decides otherwise: %s", d)
			}
			seen[got.Effect]++
			explained(t, ix, got, policies, r, s, fits)
		}
	}
	for _, e := range []policy.Effect{policy.Deny, policy.Challenge, policy.Allow, policy.Public, policy.Excluded} {
		if seen[e] < 500 {
			t.Errorf("only %d decisions were %s: the generator is too narrow", seen[e], e)
		}
	}
	for _, f := range []string{policy.Fits, policy.DoesNotFit, policy.Unknown} {
		if fits[f] < 200 {
			t.Errorf("only %d rules gave %s: the generator is too narrow", fits[f], f)
		}
	}
}

// clone compiles what the journal keeps, in another order.
func clone(t *testing.T, rnd *rand.Rand, apps []*mdc.Application, policies []*mdc.AuthorizationPolicy) *policy.Index {
	t.Helper()
	copied := func(k mdc.Kind, o mdc.Object) mdc.Object {
		body, err := mdc.Encode(o)
		if err != nil {
			t.Fatal(err)
		}
		if faults := o.Validate(); len(faults) > 0 && k.Name == "authorization_policy" { // applications are odder here than any that is saved
			t.Fatalf("%s: %v", body, faults)
		}
		c, err := k.Decode(body)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	var a []*mdc.Application
	var p []*mdc.AuthorizationPolicy
	for _, i := range rnd.Perm(len(apps)) {
		a = append(a, copied(mdc.ApplicationKind(), apps[i]).(*mdc.Application))
	}
	for _, i := range rnd.Perm(len(policies)) {
		p = append(p, copied(mdc.AuthorizationPolicyKind(), policies[i]).(*mdc.AuthorizationPolicy))
	}
	return compile(t, a, p)
}

// explained compares an explanation with the decision, and its rules with the naive ones.
func explained(t *testing.T, ix *policy.Index, d policy.Decision, policies []*mdc.AuthorizationPolicy, r policy.Request, s *policy.Subject, fits map[string]int) {
	t.Helper()
	x := ix.Explain(r, s)
	if diff := cmp.Diff(d, x.Decision); diff != "" {
		t.Fatalf("explained otherwise: %s", diff)
	}
	if x.Policy == "" {
		return
	}
	i := slices.IndexFunc(policies, func(p *mdc.AuthorizationPolicy) bool { return p.Name == x.Policy })
	for n, o := range x.Rules {
		want := fitsNaively(policies[i].Rules[n], r, s)
		if o.Fits != want || (o.Error != "") != (o.Condition == policy.Unknown) {
			t.Fatalf("rule %d of %+v for %+v by %+v: %+v, want %s", n+1, *policies[i], r, s, o, want)
		}
		fits[o.Fits]++
	}
	if x.Number > 0 && !strings.HasSuffix(d.Rule, fmt.Sprintf("%s/rule/%d", x.Policy, x.Number)) {
		t.Fatalf("%+v names rule %d", d, x.Number)
	}
}

func deref[T any](in []*T) (out []T) {
	for _, p := range in {
		out = append(out, *p)
	}
	return out
}

func pick(r *rand.Rand, from ...string) string { return from[r.IntN(len(from))] }

func some(r *rand.Rand, limit int, from ...string) (out []string) {
	for range r.IntN(limit + 1) {
		out = append(out, pick(r, from...))
	}
	return out
}

func randomPattern(r *rand.Rand) string {
	var b strings.Builder
	for range r.IntN(4) {
		b.WriteString("/" + pick(r, "a", "b", "c", "*", "*"))
	}
	b.WriteString(pick(r, "", "", "/", "/**", "/**", "/a"))
	if b.Len() == 0 {
		return "/"
	}
	return b.String()
}

func randomConfiguration(r *rand.Rand) ([]*mdc.Application, []*mdc.AuthorizationPolicy) {
	var apps []*mdc.Application
	for i := range 1 + r.IntN(4) {
		a := &mdc.Application{Name: fmt.Sprint("app", i), Hosts: append(some(r, 2, "a.x", "b.x", "*.x"), "a.x"), Resources: map[string]mdc.Resource{}}
		for j := range r.IntN(8) {
			a.Resources[fmt.Sprint("r", j)] = mdc.Resource{
				Paths: []string{randomPattern(r), randomPattern(r)}, Methods: some(r, 2, "GET", "POST"),
				Protection: pick(r, mdc.Protected, mdc.Protected, mdc.Public, mdc.Excluded), AuthorizationPolicy: pick(r, "", "p0", "p1", "gone"),
			}
		}
		apps = append(apps, a)
	}
	var policies []*mdc.AuthorizationPolicy
	for i := range 2 {
		p := &mdc.AuthorizationPolicy{Name: fmt.Sprint("p", i)}
		for range r.IntN(5) {
			p.Rules = append(p.Rules, randomRule(r))
		}
		if r.IntN(2) == 0 {
			p.Responses = &mdc.Responses{Headers: map[string]string{"X-D": "attributes.d", "X-Who": "user + string(level)"}}
		}
		policies = append(policies, p)
	}
	return apps, policies
}

func randomRule(r *rand.Rand) mdc.Rule {
	rule := mdc.Rule{Effect: pick(r, mdc.Allow, mdc.Allow, mdc.Deny), Users: some(r, 2, "u", "V"), Groups: some(r, 2, "g", "h")}
	if r.IntN(3) == 0 {
		rule.Networks = some(r, 2, "10.0.0.0/8", "10.1.0.0/16", "192.0.2.7/32", "2001:db8::/32", "::/0", "0.0.0.0/0")
	}
	if r.IntN(3) == 0 {
		for range 1 + r.IntN(2) {
			rule.Times = append(rule.Times, mdc.TimeWindow{Days: some(r, 3, "mon", "wed", "sat", "sun"), From: pick(r, "", "08:00", "22:00", "02:30"), To: pick(r, "", "06:00", "18:30"), TimeZone: pick(r, "Europe/Berlin", "Asia/Tokyo", "UTC")})
		}
	}
	if r.IntN(3) == 0 {
		rule.Condition = pick(r, slices.Sorted(maps.Keys(conditions()))...)
	}
	return rule
}

func randomQuestion(r *rand.Rand) (policy.Request, *policy.Subject) {
	var path strings.Builder
	for range r.IntN(5) {
		path.WriteString("/" + pick(r, "a", "b", "c", "d"))
	}
	path.WriteString(pick(r, "", "/"))
	if path.Len() == 0 {
		path.WriteString("/")
	}
	q := policy.Request{Method: pick(r, "GET", "GET", "POST", "HEAD", "get"), Host: pick(r, "a.x", "a.x", "b.x", "c.x", "x"), Path: path.String(), Scheme: "https", DefaultAnyUser: r.IntN(2) == 0,
		ClientAddress: policy.ClientAddress(pick(r, "", "10.1.2.3", "10.200.0.1", "192.0.2.7", "::ffff:10.1.2.3", "2001:db8::7", "2001:db9::7")),
		Now:           time.Date(2026, 3, 28, 0, 0, 0, 0, time.UTC).Add(time.Duration(r.IntN(7*24*60)) * time.Minute)} // the night of the 29th loses an hour in Berlin
	if r.IntN(4) == 0 {
		return q, nil
	}
	s := &policy.Subject{User: pick(r, "u", "U", "v", "w"), Groups: some(r, 2, "g", "h", "i"), Level: r.IntN(3)}
	if d := pick(r, "", "x", "y"); d != "" {
		s.Attributes = map[string]string{"d": d}
	}
	return q, s
}
