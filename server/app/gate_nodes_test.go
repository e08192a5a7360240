package app_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// TestGateOverNodesAndDataCenters: a gate whose agent is registered with both nodes of its data center and another data center. Who
// signed in goes on when either node is killed, whichever answered before: the session is the data center's (lifts CAMS-L1). A node
// that is back gets people again. With both nodes dead the other data center serves, and people return with their session (CAMS-01,
// CAMS-02, CAMS-05, CAMS-06, CAMS-07, CAMS-08, OAM-09, OAM-10).
func TestGateOverNodesAndDataCenters(t *testing.T) {
	p := program(t)
	e, err := theProgram.etcd()
	if err != nil {
		t.Fatal(err)
	}
	one, ldc := testkit.NewProcess(t, p, "NYDC"), testkit.NewProcess(t, p, "LDC")
	one.UseEtcd(testkit.NewEtcd(t, e, 1, testkit.EtcdOptions{}).Block("concord/NYDC"))
	one.Start()
	ldc.Start()
	two := testkit.NewNode(t, one, "nydc2")
	two.Start()
	testkit.Link(&one.DataCenter, &ldc.DataCenter)
	ldc.Put("/v1/partners/NYDC", wire.Partner{ClusterID: "NYDC", AgentID: testkit.AgentID, Primary: []string{one.PeerAddress, two.PeerAddress}, RESTEndpoint: one.Endpoint})
	on := true
	policy(&one.DataCenter, wire.SessionPolicy{ContinueOnSyncFailure: &on})
	for _, user := range []string{"ann", "bob", "cyd", "dan"} {
		one.User(user)
	}
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "hello "+r.Header.Get("X-Concord-User"))
	}))
	t.Cleanup(upstream.Close)
	g := testkit.StartGateOver(t, p, "web", upstream.URL, []*testkit.DataCenter{&one.DataCenter, &two.DataCenter}, []*testkit.DataCenter{&ldc.DataCenter})
	testkit.InStep(&one.DataCenter, &two.DataCenter, &ldc.DataCenter)

	signIn := func(user string) *testkit.Browser {
		t.Helper()
		b := testkit.NewBrowser(t, &one.DataCenter, &ldc.DataCenter)
		if page := g.SignIn(b, user); page.Body != "hello "+user {
			t.Fatalf("%s signs in: %d %.200s", user, page.Status, page.Body)
		}
		return b
	}
	people := map[string]*testkit.Browser{"ann": signIn("ann"), "bob": signIn("bob")} // in turn at the two nodes
	goOn := func(when string) {
		t.Helper()
		for user, b := range people {
			if page := b.Get(g.Origin + "/"); page.Body != "hello "+user {
				t.Errorf("%s, %s is answered %d to %s %.200s", when, user, page.Status, page.Location, page.Body)
			}
		}
	}
	goOn("with both nodes")
	two.Kill()
	goOn("with the first node")
	two.Start()
	one.Kill()
	goOn("with the second node, which is back")
	people["cyd"] = signIn("cyd")
	two.Kill()
	people["dan"] = signIn("dan") // at the other data center, where nobody of NYDC answers
	goOn("at the other data center")
	one.Start()
	one.Within(testkit.Limit, "the gate asks its own data center again", func() bool {
		page := people["ann"].Get(g.Origin + "/")
		return page.Body == "hello ann" && decides(t, &one.DataCenter)
	})
	goOn("back at the first node")
}

// decides says whether a node has decided about a request since its start.
func decides(t *testing.T, d *testkit.DataCenter) bool {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.Endpoint+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+d.Token)
	return strings.Contains(testkit.NewBrowser(t, d).Do(r).Body, "concord_authz_decisions_total{")
}
