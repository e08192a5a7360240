package provider_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// moment is when a data center is restarted: at the nth write whose path begins so. The caller of that write gets no answer.
type moment struct {
	path   string // "" = any
	nth    int
	done   bool // the server does the write first; its answer is lost
	signal syscall.Signal
}

// restarter stands between the provider and a data center, and restarts it once at a moment.
type restarter struct {
	mu      sync.Mutex // guards all below, and the process while it is restarted
	process *testkit.Process
	at      moment
	seen    int
}

// before gives the provider block of a data center that is reached through r.
func (r *restarter) before(s site) string {
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
	on := &httputil.ReverseProxy{Transport: transport, ErrorLog: log.New(io.Discard, "", 0), Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if !r.due(q) {
			on.ServeHTTP(w, q)
			return
		}
		r.restart(func() {
			if r.at.done {
				on.ServeHTTP(httptest.NewRecorder(), q)
			}
		})
		panic(http.ErrAbortHandler)
	}))
	s.t.Cleanup(server.Close)
	return fmt.Sprintf("provider \"concord\" {\n  endpoint    = %q\n  token       = %q\n  max_retries = 0\n}\n", server.URL, s.Token)
}

func (r *restarter) due(q *http.Request) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if q.Method == http.MethodGet || q.URL.Query().Get("dry_run") != "" || !strings.HasPrefix(q.URL.Path, r.at.path) {
		return false
	}
	r.seen++
	return r.seen == r.at.nth
}

func (r *restarter) restart(first func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	first()
	if r.at.signal == syscall.SIGKILL {
		r.process.Kill()
	} else {
		r.process.Signal(r.at.signal)
		<-r.process.Ended()
	}
	r.process.Launch()
}

// next sets another moment.
func (r *restarter) next(m moment) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at, r.seen = m, 0
}

// came says whether the moment came, and waits for the data center.
func (r *restarter) came() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.process.WaitReady()
	return r.seen >= r.at.nth
}

// manyOf are objects of many kinds whose names change with a variable, so that each round deletes the former ones.
const manyOf = `
variable "round" { type = number }

resource "concord_group" "x" {
  lifecycle {
    create_before_destroy = true # others refer to it until they are changed
  }
  for_each   = toset(["a", "b", "c"])
  name       = "${each.key}-${var.round}"
  depends_on = [concord_replication_agreement.x]
}
resource "concord_group_collection" "x" {
  groups     = { for n in range(20) : "many-${n}-${var.round}" => {} }
  depends_on = [concord_replication_agreement.x]
}
resource "concord_user_collection" "x" {
  users        = { for n in range(20) : "u-${n}-${var.round}" => { groups = [concord_group.x["a"].name], password_wo_version = 1 } }
  passwords_wo = { for n in range(20) : "u-${n}-${var.round}" => "correct horse ${n}" }
}
resource "concord_user" "x" {
  name                = "one-${var.round}"
  groups              = [for g in concord_group.x : g.name]
  password_wo         = "correct horse battery"
  password_wo_version = 1
}
resource "concord_agent" "x" {
  name              = "gate-${var.round}"
  hosts             = ["https://gate-${var.round}.example.com"]
  secret_wo         = "a secret of the agent"
  secret_wo_version = 1
  depends_on        = [concord_replication_agreement.x]
}
resource "concord_authorization_policy" "x" {
  lifecycle {
    create_before_destroy = true # others refer to it until they are changed
  }
  name  = "policy-${var.round}"
  rules = [{ effect = "allow", groups = [concord_group.x["b"].name] }]
}
resource "concord_application" "x" {
  lifecycle {
    create_before_destroy = true # others refer to it until they are changed
  }
  name      = "app-${var.round}"
  hosts     = ["app-${var.round}.example.com"]
  resources = { all = { paths = ["/**"], authorization_policy = concord_authorization_policy.x.name } }
}
resource "concord_override" "x" {
  kind   = "application"
  name   = concord_application.x.name
  values = jsonencode({ hosts = ["other-${var.round}.example.com"] })
}
resource "concord_session_policy" "x" {
  lifetime   = "${9 + var.round}h"
  depends_on = [concord_replication_agreement.x]
}
`

// TestRestartInTheMiddleOfAnApply: a data center is restarted, by kill -9 and in order, before and after it did what it was asked for, while
// an apply links it with its clone and while applies make, change and delete objects of many kinds. The apply fails; the next one completes
// it with nothing done twice, the plan after that is empty, and the clone is the same. While
// the master is down what belongs to the clone alone can still be planned, and the rest says so (SEC-69).
func TestRestartInTheMiddleOfAnApply(t *testing.T) {
	t.Parallel()
	needTerraform(t)
	program, err := thePrograms.server()
	if err != nil {
		t.Fatal(err)
	}
	both := testkit.StartProcesses(t, program, "NYDC", "LDC")
	ny, ldc := site{&both[0].DataCenter, t}, site{&both[1].DataCenter, t}
	r := &restarter{process: both[0]}
	tf := newByHand(t, "")
	tf.write("main.tf", aliased(strings.Replace(linked(ny, ldc), ny.block("concord"), r.before(ny), 1)+agreementBlock()+manyOf))
	for round, at := range []moment{
		{path: "/v1/replication/agreements", nth: 1, done: true, signal: syscall.SIGKILL},
		{path: "/v1/batch", nth: 2, done: true, signal: syscall.SIGKILL},
		{nth: 7, signal: syscall.SIGTERM},
		{nth: 13, done: true, signal: syscall.SIGTERM},
	} {
		tf.env = append(tf.env, fmt.Sprintf("TF_VAR_round=%d", round))
		r.next(at)
		out, code := tf.run("apply", "-auto-approve")
		if !r.came() || code == 0 {
			t.Errorf("round %d: exit code %d\n%s", round, code, out)
		}
		tf.must("apply", "-auto-approve")
		tf.empty()
		ny.counts(round, map[string]int{"groups": 23, "users": 21, "agents": 1, "applications": 1, "authorization-policies": 1, "overrides": 1, "replication/agreements": 1})
		testkit.InStep(ny.DataCenter, ldc.DataCenter)
	}
	both[0].Kill()
	tf.write("main.tf", aliased(linked(ny, ldc)+agreementBlock()+manyOf)) // with nothing in between
	tf.must("plan", "-target=concord_partner_profile.ldc")
	if out, code := tf.run("plan"); code != 1 || !regexp.MustCompile(words(`can be planned alone with -target`)).MatchString(out) {
		t.Errorf("without the master: exit code %d\n%s", code, out)
	}
}

// counts fails unless the data center has so many objects.
func (s site) counts(round int, want map[string]int) {
	s.t.Helper()
	for kind, n := range want {
		all, err := client.All[map[string]any](s.t.Context(), s.Admin(), "/v1/"+kind, nil)
		if err != nil || len(all) != n {
			s.t.Errorf("round %d: %d %s, want %d (%v)", round, len(all), kind, n, err)
		}
	}
	if !s.signsIn(fmt.Sprintf("u-7-%d", round), "correct horse 7") {
		s.t.Errorf("round %d: a password is missing", round)
	}
	var policy wire.SessionPolicyView
	if err := s.get("/v1/session-policy", &policy); err != nil || policy.Lifetime != fmt.Sprintf("%dh", 9+round) {
		s.t.Errorf("round %d: session policy %+v (%v)", round, policy, err)
	}
}
