package provider_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// between stands between the provider and a data center, and counts what passes.
type between struct {
	mu      sync.Mutex // guards all below
	atMost  int        // operations of a batch that pass; more is refused as by a store that takes less; 0 = any
	lose    int        // answers to batches that get lost, after the server has done what they are about
	batches [][]string // names of the operations of each batch that passed, without dry runs
	asked   int        // reads
	cut     string     // the answer to the first POST here gets lost; then ""
}

// through gives the provider block of a data center that is reached through b.
func (s site) through(b *between) string {
	s.t.Helper()
	return fmt.Sprintf("provider \"concord\" {\n  endpoint = %q\n  token = %q\n  max_retries = 0\n}\n", s.reached(b), s.Token)
}

// reached gives the address of a data center that is reached through b.
func (s site) reached(b *between) string {
	target, err := url.Parse(s.Endpoint)
	if err != nil {
		s.t.Fatal(err)
	}
	trust, err := client.TLSFromPEM(s.CACertPEM, "", "")
	if err != nil {
		s.t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: trust}
	s.t.Cleanup(transport.CloseIdleConnections)
	server := httptest.NewServer(b.handler(&httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}))
	s.t.Cleanup(server.Close)
	return server.URL
}

func (b *between) handler(on http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			b.mu.Lock()
			b.asked++
			b.mu.Unlock()
		}
		b.mu.Lock()
		lost := r.Method == http.MethodPost && r.URL.RawQuery == "" && r.URL.Path == b.cut
		if lost {
			b.cut = ""
		}
		b.mu.Unlock()
		if lost {
			on.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		}
		if r.URL.Path != "/v1/batch" || r.URL.RawQuery != "" {
			on.ServeHTTP(w, r)
			return
		}
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		problem := b.pass(body)
		if problem == http.StatusRequestEntityTooLarge {
			answerProblem(w, problem, "batch_too_large")
			return
		}
		if problem != 0 {
			on.ServeHTTP(httptest.NewRecorder(), r)
			answerProblem(w, problem, "unavailable")
			return
		}
		on.ServeHTTP(w, r)
	})
}

// pass notes a batch, and gives the status of what is answered instead of the server's answer; 0 = that one.
func (b *between) pass(body []byte) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	var in wire.Batch
	_ = json.Unmarshal(body, &in)
	if b.atMost > 0 && len(in.Operations) > b.atMost {
		return http.StatusRequestEntityTooLarge
	}
	var names []string
	for _, o := range in.Operations {
		names = append(names, o.Method+" "+o.Name)
	}
	b.batches = append(b.batches, names)
	if b.lose > 0 {
		b.lose--
		return http.StatusServiceUnavailable
	}
	return 0
}

func answerProblem(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", wire.ProblemType)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(wire.Problem{Title: code, Status: status, Code: code, Detail: "This is " + code + "."})
}

// since gives the batches that passed since the last call, one a line.
func (b *between) since() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var lines []string
	for _, names := range b.batches {
		lines = append(lines, strings.Join(names, ", "))
	}
	b.batches = nil
	return strings.Join(lines, "\n")
}

// sent checks which batches a step sent.
func (b *between) sent(t *testing.T, want ...string) resource.TestCheckFunc {
	return func(*terraform.State) error {
		if got := b.since(); got != strings.Join(want, "\n") {
			t.Errorf("sent\n%s\nand not\n%s", got, strings.Join(want, "\n"))
		}
		return nil
	}
}

func does(address string, a plancheck.ResourceActionType) resource.ConfigPlanChecks {
	return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(address, a)}}
}

const (
	collectedUsers  = "concord_user_collection.x"
	collectedGroups = "concord_group_collection.x"
)

// TestCollectionLife takes users through all that happens to a collection: each apply is one request with what differs and nothing
// else, passwords are sent when they are new or their version moves, and every refusal stands at its entry (OAM-L7).
func TestCollectionLife(t *testing.T) {
	s, _ := start(t)
	var b between
	block := s.through(&b) + `
resource "concord_group_collection" "x" {
  groups = {
    staff = { description = "everybody" }
    ops   = {}
  }
}
`
	users := func(password string, entries ...string) string {
		config := block + "resource \"concord_user_collection\" \"x\" {\n  depends_on = [concord_group_collection.x]\n  users = {\n    " + strings.Join(entries, "\n    ") + "\n  }\n"
		if password != "" {
			config += fmt.Sprintf("  passwords_wo = { ann = %q }\n", password)
		}
		return config + "}\n"
	}
	ann := func(version int) string {
		return fmt.Sprintf(`ann = { email = "ann@example.com", groups = ["staff", "ops"], password_wo_version = %d }`, version)
	}
	const first, second, bob = "a first password for ann", "a second password for ann", `bob = { attributes = { room = "12" } }`
	signsIn := func(password string, want int) resource.TestCheckFunc {
		return func(*terraform.State) error {
			browser := testkit.NewBrowser(t, s.DataCenter)
			defer browser.Close()
			if status, code := browser.SignInTo(s.DataCenter, "", "ann", password); status != want {
				t.Errorf("sign-in with %q: %d %s", password, status, code)
			}
			return nil
		}
	}
	is := resource.TestCheckResourceAttr
	acceptance(t,
		resource.TestStep{Config: users(first, ann(1), bob), ConfigPlanChecks: does(collectedUsers, plancheck.ResourceActionCreate), Check: resource.ComposeAggregateTestCheckFunc(
			is(collectedUsers, "users.%", "2"), is(collectedUsers, "users.ann.enabled", "true"), is(collectedUsers, "users.bob.attributes.room", "12"), resource.TestCheckNoResourceAttr(collectedUsers, "passwords_wo"),
			b.sent(t, "PUT ops, PUT staff", "PUT ann, PUT bob"), signsIn(first, 200))},
		resource.TestStep{Config: users(first, ann(1), `bob = { display_name = "Bob" }`), ConfigPlanChecks: does(collectedUsers, plancheck.ResourceActionUpdate), Check: b.sent(t, "PUT bob")},
		resource.TestStep{Config: users(second, ann(2), `bob = { display_name = "Bob" }`), Check: resource.ComposeAggregateTestCheckFunc(b.sent(t, "PUT ann"), signsIn(second, 200))},
		resource.TestStep{PreConfig: func() {
			s.patch("/v1/users/bob", map[string]any{"email": "by@hand.example"})()
			s.remove("/v1/users/ann")()
		},
			Config: users(second, ann(2), `bob = { display_name = "Bob" }`), ConfigPlanChecks: does(collectedUsers, plancheck.ResourceActionUpdate), Check: resource.ComposeAggregateTestCheckFunc(
				b.sent(t, "PUT ann, PUT bob"), signsIn(second, 200), resource.TestCheckNoResourceAttr(collectedUsers, "users.bob.email"))},
		resource.TestStep{Config: users(second, ann(2), `bob = { groups = ["none"] }`, `carl = { groups = ["nobody"] }`), ExpectError: regexp.MustCompile(`(?s)Cannot update user collection.*users\["bob"\]\.groups: there\s+is\s+no.*users\["carl"\]\.groups`)},
		resource.TestStep{Config: users("", `Ann = { display_name = "Ann" }`), ConfigPlanChecks: does(collectedUsers, plancheck.ResourceActionUpdate), Check: resource.ComposeAggregateTestCheckFunc(
			b.sent(t, "DELETE bob, PUT Ann"), is(collectedUsers, "users.%", "1"), signsIn(second, 200))},
		resource.TestStep{PreConfig: s.remove("/v1/users/ann"), Config: block, Check: resource.ComposeAggregateTestCheckFunc(b.sent(t, "DELETE Ann"), is(collectedGroups, "groups.staff.description", "everybody"))},
	)
	if err := s.get("/v1/groups/ops", nil); err == nil {
		t.Error("a group is still there")
	}
}

// TestCollectionIsWrittenInParts: where the server takes less at once, an apply is several batches. What a refused one leaves is
// in the state exactly, the next apply sends what is missing and nothing twice, and destroy leaves nobody behind (OAM-L7).
func TestCollectionIsWrittenInParts(t *testing.T) {
	s, _ := start(t)
	b := between{atMost: 3}
	block := s.through(&b)
	users := func(names string) string {
		config := block + "resource \"concord_user_collection\" \"x\" {\n  users = {\n"
		for _, n := range strings.Fields(names) {
			config += fmt.Sprintf("    %s = {}\n", n)
		}
		return config + "  }\n}\n"
	}
	byHand := func(name string) func() {
		return func() { s.put("/v1/users/"+name, wire.User{Name: name, DisplayName: "By hand"}) }
	}
	const all = "a b c d e f g h"
	inPart := func(name string) *regexp.Regexp { return regexp.MustCompile(`(?s)users\["` + name + `"\]`) }
	acceptance(t,
		resource.TestStep{PreConfig: byHand("g"), Config: users(all), ExpectError: inPart("g")},
		resource.TestStep{PreConfig: func() {
			b.sent(t, "PUT a, PUT b", "PUT c, PUT d", "PUT e, PUT f", "PUT g, PUT h")(nil) //nolint:errcheck // reports by itself
			s.remove("/v1/users/g")()
		}, Config: users("a b g"), ConfigPlanChecks: does(collectedUsers, plancheck.ResourceActionReplace), Check: resource.TestCheckResourceAttr(collectedUsers, "users.%", "3")},
		resource.TestStep{PreConfig: func() { b.since(); byHand("hh")() }, Config: users(all + " hh i j"), ExpectError: inPart("hh")},
		resource.TestStep{PreConfig: s.remove("/v1/users/hh"), Config: users(all + " i j"), ConfigPlanChecks: does(collectedUsers, plancheck.ResourceActionUpdate), Check: resource.ComposeAggregateTestCheckFunc(
			b.sent(t, "PUT c, PUT d", "PUT e, PUT f", "PUT h, PUT hh", "PUT h, PUT i, PUT j"), resource.TestCheckResourceAttr(collectedUsers, "users.%", "10"))},
		resource.TestStep{PreConfig: func() { b.lose = 1 }, Config: users(all), Check: resource.TestCheckResourceAttr(collectedUsers, "users.%", "8")}, // the answer is lost, the change is not
	)
	var left wire.Page[wire.UserView]
	if err := s.get("/v1/users", &left); err != nil || len(left.Items) > 0 {
		t.Errorf("left: %v, %v", left.Items, err)
	}
}

// TestCollectionTakesNothingOver: what exists otherwise than planned is refused, each at its entry and all by name; what is as planned
// is what an apply leaves that was cut off. What somebody changed since the plan, or needs, is not overwritten.
func TestCollectionTakesNothingOver(t *testing.T) {
	s, block := start(t)
	s.batch("group", map[string]any{"b": wire.Group{Name: "b", Description: "by hand"}, "c": wire.Group{Name: "c", Description: "by hand"}, "z": wire.Group{Name: "z"}})
	groups := func(description string, names ...string) string {
		config := block + "resource \"concord_group_collection\" \"x\" {\n  groups = {\n"
		for _, n := range names {
			config += fmt.Sprintf("    %s = { description = %q }\n", n, description)
		}
		return config + "  }\n}\n"
	}
	acceptanceCase(t, resource.TestCase{
		AdditionalCLIOptions: &resource.AdditionalCLIOptions{Plan: resource.PlanOptions{NoRefresh: true}},
		Steps: []resource.TestStep{
			{Config: groups("mine", "a", "b", "c"), ExpectError: regexp.MustCompile(`(?s)2 of groups exist already.*: b,\s+c\..*id = "b,c".*Cannot create group "b".*groups\["b"\].*Cannot create group "c"`)},
			{Config: groups("by hand", "a", "b", "c"), Check: resource.TestCheckResourceAttr(collectedGroups, "groups.%", "3")},
			{PreConfig: s.patch("/v1/groups/b", map[string]any{"description": "changed"}), Config: groups("new", "a", "b"), ExpectError: regexp.MustCompile(`(?s)Cannot update group "b".*groups\["b"\].*changed\s+since\s+the\s+last\s+plan`)},
			{PreConfig: func() {
				s.patch("/v1/groups/b", map[string]any{"description": "by hand"})()
				s.put("/v1/users/ann", wire.User{Name: "ann", Groups: []string{"b"}})
			}, Config: groups("by hand", "a", "c"), ExpectError: regexp.MustCompile(`(?s)Cannot delete group "b".*user\s+"?ann`)},
			{PreConfig: func() { s.remove("/v1/users/ann")(); s.remove("/v1/groups/b")() }, Config: groups("by hand", "a", "c"), Check: resource.TestCheckResourceAttr(collectedGroups, "groups.%", "2")},
		}})
	if err := s.get("/v1/groups/z", nil); err != nil {
		t.Errorf("a group that belongs to nobody: %v", err)
	}
}

// TestCollectionOfManyIsOneRequest: a thousand users are written by one request, and looked at by two. Plan and apply each ask once
// whether this is a clone.
func TestCollectionOfManyIsOneRequest(t *testing.T) {
	s, _ := start(t)
	var b between
	many := s.through(&b) + `
resource "concord_user_collection" "x" {
  users = { for i in range(1000) : format("u%04d", i) => { display_name = "User ${i}", email = "u${i}@example.com" } }
}
`
	check := func(batches, most int) func() {
		return func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			if len(b.batches) != batches || b.asked > most {
				t.Errorf("%d batches, %d reads", len(b.batches), b.asked)
			}
			b.asked = 0
		}
	}
	s.put("/v1/users/other", wire.User{Name: "other"}) // so that the list has a second page
	acceptance(t,
		resource.TestStep{Config: many, Check: func(*terraform.State) error { check(1, 2)(); return nil }},
		resource.TestStep{PreConfig: check(1, 20), Config: many, PlanOnly: true})
	check(2, 20)()
	if err := s.get("/v1/users/other", nil); err != nil {
		t.Errorf("a user who belongs to nobody: %v", err)
	}
}

// TestCollectionImport: an import by names, by what they begin with or of all there are is followed by an empty plan, and what an
// override lays over an application is no drift.
func TestCollectionImport(t *testing.T) {
	s, block := start(t)
	config := block + `
resource "concord_user_collection" "x" {
  users = { for name in ["u-ann", "u-Bob", "carl"] : name => { email = "${name}@example.com", attributes = { room = "1" } } }
}
resource "concord_application_collection" "x" {
  applications = { for n in ["wiki", "shop"] : n => {
    hosts     = ["${n}.example.com"]
    resources = { all = { paths = ["/**"] }, open = { paths = ["/public/**"], protection = "public" } }
  } }
}
`
	const applications = "concord_application_collection.x"
	imported := func(address, id string) resource.TestStep {
		return resource.TestStep{Config: config, ResourceName: address, ImportState: true, ImportStateKind: resource.ImportBlockWithID, ImportStateId: id}
	}
	acceptance(t, resource.TestStep{Config: config}, imported(collectedUsers, "U-*, carl"), imported(applications, "shop, wiki"), imported(applications, "*"),
		resource.TestStep{PreConfig: func() {
			s.put("/v1/overrides/application/shop", map[string]any{"kind": "application", "name": "shop", "values": map[string]any{"hosts": []string{"other.example.com"}}})
		}, Config: config, PlanOnly: true},
		resource.TestStep{PreConfig: s.remove("/v1/overrides/application/shop"), Config: config, ResourceName: collectedUsers, ImportState: true, ImportStateId: "carl,nobody",
			ExpectError: regexp.MustCompile(`has no users of these names:\s+nobody`)},
	)
}

// TestCollectionPlan: what the resource for one object refuses at plan, its collection refuses at the entry.
func TestCollectionPlan(t *testing.T) {
	s, block := start(t)
	_ = s
	var steps []resource.TestStep
	for config, want := range map[string]string{
		`resource "concord_user_collection" "x" { users = { ann = { email = "nonsense" } } }`:                                               `users\["ann"\]\.email`,
		`resource "concord_user_collection" "x" { users = { "a b" = {} } }`:                                                                 `(?s)users.*a b`,
		`resource "concord_user_collection" "x" { users = { ann = null } }`:                                                                 `(?s)users.*null`,
		`resource "concord_user_collection" "x" { users = { ann = {}, Ann = {} } }`:                                                         `are\s+the\s+same\s+name`,
		`resource "concord_user_collection" "x" { users = { ann = { password_wo_version = 1 } } }`:                                          `users\["ann"\]\.password_wo_version\s+says`,
		"resource \"concord_user_collection\" \"x\" {\n users = { ann = {} }\n passwords_wo = { ann = \"long enough it is\" }\n}":           `users\["ann"\]\.password_wo_version\s+must\s+be\s+given`,
		"resource \"concord_user_collection\" \"x\" {\n users = { ann = {} }\n passwords_wo = { bob = \"long enough it is\" }\n}":           `passwords_wo\["bob"\]:\s+users\s+has\s+no\s+"bob"`,
		"resource \"concord_user_collection\" \"x\" {\n users = { ann = {} }\n passwords_wo = { ann = \"short\" }\n}":                       `passwords_wo\["ann"\]`,
		`resource "concord_application_collection" "x" { applications = { a = { hosts = ["h"], resources = { r = { paths = ["x"] } } } } }`: `applications\["a"\]\.resources\["r"\]\.paths`,
	} {
		steps = append(steps, resource.TestStep{Config: block + config, PlanOnly: true, ExpectError: regexp.MustCompile(want)})
	}
	acceptance(t, steps...)
}
