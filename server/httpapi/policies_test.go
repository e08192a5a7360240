package httpapi_test

import (
	"errors"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// guarded is an application with a policy of each sort at a data center, and people who differ.
type guarded struct {
	t       *testing.T
	d       *testkit.DataCenter
	app     testkit.Application
	cookies map[string]string // of the application's agent, by person
}

func newGuarded(t *testing.T) *guarded {
	t.Helper()
	d := start(t)
	g := &guarded{t: t, d: d, cookies: map[string]string{"": ""}}
	d.Put("/v1/groups/staff", wire.Group{Name: "staff"})
	for name, u := range map[string]wire.User{"ann": {Groups: []string{"staff"}, Attributes: map[string]string{"department": "hr", "name": "Ann Müller"}}, "bob": {Attributes: map[string]string{"department": "it\nX"}}, "eve": {Groups: []string{"staff"}}} {
		u.Name, u.Password = name, testkit.Password
		if name == "bob" {
			u.Attributes["department"] = "it"
		}
		d.Put("/v1/users/"+name, u)
	}
	never := time.Now().UTC().Add(72 * time.Hour).Weekday().String()[:3]
	rules := map[string][]wire.Rule{
		"network":   {{Effect: "allow", Networks: []string{"10.0.0.0/8", "2001:db8::/32"}}},
		"elsewhere": {{Effect: "deny", Networks: []string{"10.0.0.0/8"}}, {Effect: "allow"}},
		"hr":        {{Effect: "allow", Condition: `attributes.department == "hr"`}},
		"not-hr":    {{Effect: "deny", Condition: `attributes.department == "hr"`}, {Effect: "allow"}},
		"now":       {{Effect: "allow", Times: []wire.TimeWindow{{TimeZone: "Europe/Berlin"}}}},
		"later":     {{Effect: "allow", Times: []wire.TimeWindow{{TimeZone: "UTC", Days: []string{strings.ToLower(never)}}}}},
		"all-three": {{Effect: "allow", Groups: []string{"staff"}, Networks: []string{"10.0.0.0/8"}, Times: []wire.TimeWindow{{TimeZone: "UTC"}}, Condition: `method == "GET" && path == "/all-three"`}},
	}
	resources := map[string]wire.Resource{"open": {Paths: []string{"/open"}, Protection: "public"}, "free": {Paths: []string{"/free"}, Protection: "excluded"}, "any": {Paths: []string{"/any"}}}
	for name, r := range rules {
		p := wire.AuthorizationPolicy{Name: name, Rules: r}
		if name == "hr" {
			p.Responses = &wire.Responses{Headers: map[string]string{"X-Department": "attributes.department", "X-Name": "attributes.name", "X-Missing": "attributes.missing", "X-Groups": "groups"}}
		}
		d.Put("/v1/authorization-policies/"+name, p)
		resources[name] = wire.Resource{Paths: []string{"/" + name}, AuthorizationPolicy: name}
	}
	g.app = d.Application("shop", "https://shop.example")
	for _, name := range []string{"ann", "bob", "eve"} {
		b := testkit.NewBrowser(t, d)
		b.Open(g.app, name, testkit.Password)
		g.cookies[name] = b.AgentCookie(g.app)
	}
	d.Put("/v1/applications/shop", wire.Application{Name: "shop", Hosts: []string{"shop.example"}, Resources: resources})
	return g
}

func (g *guarded) authorize(user, path, address string) (out wire.AuthorizeAnswer) {
	g.t.Helper()
	agent := g.d.Agent(g.app.Agent, g.app.Secret)
	defer agent.Close()
	_, err := agent.Do(g.t.Context(), client.Request{Method: http.MethodPost, Path: "/session/v1/authorize", Out: &out,
		In: wire.AuthorizeRequest{Method: http.MethodGet, Scheme: "https", Host: "shop.example", Target: path, Cookie: g.cookies[user], ClientAddress: address}})
	if err != nil {
		g.t.Fatal(err)
	}
	return out
}

func (g *guarded) evaluate(in wire.PolicyEvaluation) (out wire.PolicyVerdict, err error) {
	g.t.Helper()
	_, err = g.d.Do(client.Request{Method: http.MethodPost, Path: "/v1/policies/evaluate", In: in, Out: &out})
	return out, err
}

func fieldsOf(err error) []fault.Field {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f.Fields
	}
	return nil
}

// TestEvaluateDecidesAsAuthorizeDoes: what an administrator is told somebody would get is what they get, for every person, path and
// address here; and the explanation names the rule (SEC-25).
func TestEvaluateDecidesAsAuthorizeDoes(t *testing.T) {
	g := newGuarded(t)
	want := map[string]string{ // by person, path and address: the decision
		"ann /network 10.1.2.3": "allow", "ann /network 192.0.2.1": "deny", "ann /network 2001:db8::7": "allow", "ann /network ::ffff:10.1.2.3": "allow", "ann /network ": "deny", "ann /network nonsense": "deny",
		"ann /elsewhere 10.1.2.3": "deny", "ann /elsewhere 192.0.2.1": "allow", "ann /elsewhere ": "deny", "ann /elsewhere nonsense": "deny",
		"ann /hr ": "allow", "bob /hr ": "deny", "eve /hr ": "deny", "ann /not-hr ": "deny", "bob /not-hr ": "allow", "eve /not-hr ": "deny",
		"ann /now ": "allow", "ann /later ": "deny", "ann /all-three 10.0.0.1": "allow", "ann /all-three 11.0.0.1": "deny", "bob /all-three 10.0.0.1": "deny",
		" /hr ": "challenge", " /open ": "allow", " /free ": "allow", " /any ": "challenge", "bob /any ": "allow", "bob /none ": "deny", "ann /hr/../any ": "deny", "ann //hr ": "deny",
	}
	for question, decision := range want {
		parts := strings.SplitN(question, " ", 3)
		run := g.authorize(parts[0], parts[1], parts[2])
		if run.Decision != decision {
			t.Errorf("%s: %s because of %s", question, run.Decision, run.Reason)
		}
		if parts[2] == "nonsense" { // an administrator is told that it is none
			continue
		}
		v, err := g.evaluate(wire.PolicyEvaluation{User: parts[0], Host: "shop.example", Target: parts[1], ClientAddress: parts[2]})
		if err != nil {
			t.Fatalf("%s: %v", question, err)
		}
		if v.Decision != decision {
			t.Errorf("%s: evaluated %s because of %s", question, v.Decision, v.Reason)
		}
		told := maps.Clone(run.Headers)
		maps.DeleteFunc(told, func(name, _ string) bool { return strings.HasPrefix(name, "X-Concord-") })
		if !maps.Equal(told, v.Headers) && len(told)+len(v.Headers) > 0 {
			t.Errorf("%s: the application is told %v, evaluated %v", question, told, v.Headers)
		}
	}
	v, err := g.evaluate(wire.PolicyEvaluation{User: "eve", Host: "SHOP.example:443", Target: "/not-hr?x=1"})
	if err != nil || v.Policy != "not-hr" || v.Rule != 1 || v.Reason != "not-hr/rule/1" || v.Application != "shop" || v.Resource != "not-hr" || v.Host != "shop.example" || v.Path != "/not-hr" || len(v.Rules) != 2 {
		t.Fatalf("%+v, %v", v, err)
	}
	if r := v.Rules[0]; r.Fits != "unknown" || r.Condition != "unknown" || r.Error != "no such key: department" || r.Who != "" || v.Rules[1].Fits != "fits" {
		t.Errorf("%+v", v.Rules)
	}
}

// TestEvaluateForNobodyThatThereIs: subjects, times and policies that exist only in the question; nothing of it is kept.
func TestEvaluateForNobodyThatThereIs(t *testing.T) {
	g := newGuarded(t)
	hours := &wire.AuthorizationPolicy{Name: "hr", Rules: []wire.Rule{{Effect: "allow", Users: []string{"ZOE"}, Times: []wire.TimeWindow{{Days: []string{"mon"}, From: "08:00", To: "18:00", TimeZone: "Europe/Berlin"}}}}}
	monday, night := time.Date(2026, 11, 30, 7, 30, 0, 0, time.UTC), time.Date(2026, 11, 30, 17, 30, 0, 0, time.UTC)
	ask := func(in wire.PolicyEvaluation) wire.PolicyVerdict {
		in.Host, in.Target = "shop.example", "/hr"
		v, err := g.evaluate(in)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	zoe := &wire.PolicySubject{User: "zoe"}
	if v := ask(wire.PolicyEvaluation{Subject: zoe, Policy: hours, At: &monday}); v.Decision != "allow" || v.Rule != 1 || v.Rules[0].Who != "fits" || v.Rules[0].Times != "fits" {
		t.Errorf("on Monday morning: %+v", v)
	}
	if v := ask(wire.PolicyEvaluation{Subject: zoe, Policy: hours, At: &night}); v.Decision != "deny" || v.Rule != 0 || v.Reason != "hr/none_fits" || v.Rules[0].Times != "does_not_fit" {
		t.Errorf("in the evening: %+v", v)
	}
	if v := ask(wire.PolicyEvaluation{Subject: &wire.PolicySubject{User: "zoe", Attributes: map[string]string{"department": "hr"}}}); v.Decision != "allow" {
		t.Errorf("by the stored policy: %+v", v)
	}
	hours.Name = "other"
	if v := ask(wire.PolicyEvaluation{Subject: zoe, Policy: hours}); len(v.Notes) != 1 || v.Policy != "hr" {
		t.Errorf("a policy that no resource has: %+v", v)
	}
	no := false
	g.d.Put("/v1/users/ann", wire.User{Name: "ann", Enabled: &no})
	if v := ask(wire.PolicyEvaluation{User: "ann"}); v.Decision != "challenge" || len(v.Notes) != 1 {
		t.Errorf("a disabled user: %+v", v)
	}
	for name, c := range map[string]struct {
		in      wire.PolicyEvaluation
		pointer string
	}{
		"an unknown user": {wire.PolicyEvaluation{User: "nobody", Host: "a", Target: "/"}, "/user"},
		"two persons":     {wire.PolicyEvaluation{User: "bob", Subject: zoe, Host: "a", Target: "/"}, "/subject"},
		"no address":      {wire.PolicyEvaluation{User: "bob", Host: "a", Target: "/", ClientAddress: "here"}, "/client_address"},
		"no host":         {wire.PolicyEvaluation{User: "bob", Target: "/"}, "/host"},
		"no path":         {wire.PolicyEvaluation{User: "bob", Host: "a"}, "/target"},
		"a level of none": {wire.PolicyEvaluation{Level: 2, Host: "a", Target: "/"}, "/level"},
		"a high level":    {wire.PolicyEvaluation{User: "bob", Level: 1000, Host: "a", Target: "/"}, "/level"},
		"a wrong policy":  {wire.PolicyEvaluation{User: "bob", Host: "a", Target: "/", Policy: &wire.AuthorizationPolicy{Name: "p", Rules: []wire.Rule{{Effect: "allow", Condition: "\n  levl > 1"}}}}, "/policy/rules/0/condition"},
	} {
		_, err := g.evaluate(c.in)
		f := fieldsOf(err)
		if len(f) != 1 || f[0].Pointer != c.pointer {
			t.Errorf("%s: %v %v", name, err, f)
		}
	}
}

// TestEvaluateKnowsSchemes: the level is that of the scheme by which somebody signed in, and a challenge says which one leads on (OAM-35).
func TestEvaluateKnowsSchemes(t *testing.T) {
	g := newGuarded(t)
	g.d.Scheme("strong", 5, "password")
	g.d.Asks("vault", vault, "strong")
	for scheme, want := range map[string]wire.PolicyVerdict{"": {Decision: "challenge", Level: 5, SignIn: "strong"}, "password": {Decision: "challenge", Level: 5, SignIn: "strong"}, "strong": {Decision: "allow"}} {
		v, err := g.evaluate(wire.PolicyEvaluation{User: "ann", SignIn: scheme, Host: "vault.example", Target: "/"})
		if err != nil || v.Decision != want.Decision || v.Level != want.Level || v.SignIn != want.SignIn {
			t.Errorf("signed in by %q: %+v, %v", scheme, v, err)
		}
	}
	for name, in := range map[string]wire.PolicyEvaluation{"unknown": {User: "ann", SignIn: "none"}, "nobody": {SignIn: "strong"}, "with a level": {User: "ann", Level: 2, SignIn: "strong"}} {
		in.Host, in.Target = "vault.example", "/"
		if _, err := g.evaluate(in); len(fieldsOf(err)) != 1 || fieldsOf(err)[0].Pointer != "/authentication_scheme" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestPoliciesAreCheckedWhenTheyAreSaved: a fault has its pointer, and one in a condition its line and column.
func TestPoliciesAreCheckedWhenTheyAreSaved(t *testing.T) {
	d := start(t)
	many := wire.AuthorizationPolicy{}
	for range 101 {
		many.Rules = append(many.Rules, wire.Rule{Effect: "deny", Condition: "level > 1"})
	}
	dear := wire.AuthorizationPolicy{}
	for range 40 {
		dear.Rules = append(dear.Rules, wire.Rule{Effect: "deny", Condition: `groups.exists(g, g.startsWith("x"))`})
	}
	for name, c := range map[string]struct {
		p               wire.AuthorizationPolicy
		pointer, detail string
	}{
		"a condition":     {wire.AuthorizationPolicy{Rules: []wire.Rule{{Effect: "deny"}, {Effect: "deny", Condition: "level > 1 &&\n  usr == \"x\""}}}, "/rules/1/condition", "2:3: undeclared reference to 'usr'"},
		"another type":    {wire.AuthorizationPolicy{Rules: []wire.Rule{{Effect: "deny", Condition: "user"}}}, "/rules/0/condition", "1:1: this is of type string"},
		"too dear":        {wire.AuthorizationPolicy{Rules: []wire.Rule{{Effect: "deny", Condition: "groups.all(g, groups.all(h, g == h))"}}}, "/rules/0/condition", "may cost"},
		"dear together":   {dear, "/rules", "may cost"},
		"too many":        {many, "/rules", "more than 100 conditions"},
		"a network":       {wire.AuthorizationPolicy{Rules: []wire.Rule{{Effect: "deny", Networks: []string{"10.0.0.0/8", "10.0.0.1"}}}}, "/rules/0/networks/1", "10.0.0.1/32"},
		"a zone":          {wire.AuthorizationPolicy{Rules: []wire.Rule{{Effect: "deny", Times: []wire.TimeWindow{{TimeZone: "Mars"}}}}}, "/rules/0/times/0/time_zone", "IANA"},
		"a day":           {wire.AuthorizationPolicy{Rules: []wire.Rule{{Effect: "deny", Times: []wire.TimeWindow{{TimeZone: "UTC", Days: []string{"x"}}}}}}, "/rules/0/times/0/days", "mon"},
		"a header":        {wire.AuthorizationPolicy{Rules: []wire.Rule{}, Responses: &wire.Responses{Headers: map[string]string{"Cookie": "user"}}}, "/responses/headers/Cookie", "may not set"},
		"a value":         {wire.AuthorizationPolicy{Rules: []wire.Rule{}, Responses: &wire.Responses{Headers: map[string]string{"X-A": "now"}}}, "/responses/headers/X-A", "of type"},
		"header in twice": {wire.AuthorizationPolicy{Rules: []wire.Rule{}, Responses: &wire.Responses{Headers: map[string]string{"X-A": "user", "x-a": "user"}}}, "", "two spellings"},
	} {
		c.p.Name = "p"
		_, err := d.Do(client.Request{Method: http.MethodPut, Path: "/v1/authorization-policies/p", In: c.p})
		f := fieldsOf(err)
		if len(f) != 1 || c.pointer != "" && f[0].Pointer != c.pointer || !strings.Contains(f[0].Detail, c.detail) {
			t.Errorf("%s: %v %v", name, err, f)
		}
	}
}

// TestForwardAuthSaysWhatPoliciesSet: the headers of the policy that allowed, empty where there is nothing to say, and empty on every
// other path of the host, so that none is a browser's (SEC-20).
func TestForwardAuthSaysWhatPoliciesSet(t *testing.T) {
	g := newGuarded(t)
	ask := func(user, path string, more http.Header) answer {
		h := asWebServer(g.app)
		h.Set("X-Forwarded-Uri", path)
		if user != "" {
			h.Set("Cookie", "__Host-concord_agent_shop="+g.cookies[user])
		}
		for name, v := range more {
			h[name] = v
		}
		return forward(t, g.d, "/forward-auth", h)
	}
	names := []string{"X-Department", "X-Groups", "X-Missing", "X-Name"}
	for _, c := range []struct {
		user, path string
		want       []string
	}{
		{"ann", "/hr", []string{"hr", "staff", "", "Ann M%C3%BCller"}},
		{"ann", "/any", []string{"", "", "", ""}},
		{"", "/open", []string{"", "", "", ""}},
		{"ann", "/open", []string{"", "", "", ""}},
		{"", "/free", []string{"", "", "", ""}},
	} {
		a := ask(c.user, c.path, http.Header{"X-Department": {"spoofed"}})
		for i, name := range names {
			if v := a.header.Values(name); a.status != 200 || len(v) != 1 || v[0] != c.want[i] {
				t.Errorf("%s at %s: %d, %s is %q", c.user, c.path, a.status, name, v)
			}
		}
	}
	for name, c := range map[string]struct {
		more http.Header
		want int
	}{
		"the web server's word":            {http.Header{"X-Concord-Client-Address": {"10.1.2.3"}}, 200},
		"another network":                  {http.Header{"X-Concord-Client-Address": {"192.0.2.1"}}, 403},
		"no word":                          {nil, 403},
		"an empty word":                    {http.Header{"X-Concord-Client-Address": {""}}, 403},
		"a browser's word":                 {http.Header{"X-Forwarded-For": {"10.1.2.3"}}, 403},
		"the last hop":                     {http.Header{"X-Concord-Client-Address": {"x-forwarded-for"}, "X-Forwarded-For": {"192.0.2.1, 10.1.2.3"}}, 200},
		"not the first":                    {http.Header{"X-Concord-Client-Address": {"x-forwarded-for"}, "X-Forwarded-For": {"10.1.2.3, 192.0.2.1"}}, 403},
		"the last of several":              {http.Header{"X-Concord-Client-Address": {"X-Forwarded-For"}, "X-Forwarded-For": {"10.1.2.3", "192.0.2.1"}}, 403},
		"no hop":                           {http.Header{"X-Concord-Client-Address": {"x-forwarded-for"}}, 403},
		"twice":                            {http.Header{"X-Concord-Client-Address": {"10.1.2.3", "10.1.2.3"}}, 403},
		"with a port, which is no address": {http.Header{"X-Concord-Client-Address": {"10.1.2.3:80"}}, 403},
	} {
		if a := ask("ann", "/network", c.more); a.status != c.want {
			t.Errorf("%s: %d", name, a.status)
		}
	}
}

// TestVaryingDecisionsAreNotUsedAgain: an agent that may use answers again is never given one that the next minute, another address or
// another attribute would change (SEC-26).
func TestVaryingDecisionsAreNotUsedAgain(t *testing.T) {
	g := newGuarded(t)
	g.d.Put("/v1/agents/shop", wire.Agent{Name: "shop", Hosts: []string{"https://shop.example"}, Secret: g.app.Secret, CacheLifetime: "10s"})
	for path, again := range map[string]bool{"/any": true, "/network": false, "/hr": false, "/now": false, "/all-three": false} {
		if a := g.authorize("ann", path, "10.1.2.3"); a.Decision != "allow" || (a.CacheSeconds > 0) != again {
			t.Errorf("%s: %s, to be used for %d s", path, a.Decision, a.CacheSeconds)
		}
	}
}
