package gate_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

func counts(servers ...*concord) (out []int) {
	for _, s := range servers {
		out = append(out, len(s.taken()))
	}
	return out
}

// Proves CAMS-08: requests without a session go round; those of one browser stay with one server, further ones too.
func TestRoundRobinAndStickiness(t *testing.T) {
	a, b := newConcord(t, "NYDC", "ny1"), newConcord(t, "NYDC", "ny2")
	h := newHouse(t, []*concord{a, b}, nil, nil)
	for range 10 {
		h.get("/")
	}
	if n := counts(a, b); n[0] != 5 || n[1] != 5 {
		t.Errorf("new users went %v", n)
	}
	for range 10 {
		h.get("/", "Cookie", "concord_agent_portal=bobs")
	}
	if n := counts(a, b); n[0] != 10 && n[1] != 10 {
		t.Errorf("one user went %v", n)
	}
}

// Proves CAMS-06 and CAMS-07: a server that cannot be reached, or fails after it was, is avoided; after its back-off one
// request tries it, and when that works it gets its share again.
func TestFailoverAndRecovery(t *testing.T) {
	a, b := newConcord(t, "NYDC", "ny1"), newConcord(t, "NYDC", "ny2")
	h := newHouse(t, []*concord{a, b}, nil, nil)
	a.say(http.StatusInternalServerError, wire.Problem{Code: "internal", Detail: "x"})
	for range 20 {
		res, _ := h.get("/")
		h.wantStatus(res, 200)
	}
	if n := counts(a, b); n[0] != 1 || n[1] != 20 {
		t.Errorf("while one fails: %v", n)
	}
	h.clock.Advance(time.Second)
	for range 10 {
		h.get("/")
	}
	if n := counts(a, b); n[0] != 1 || n[1] != 10 {
		t.Errorf("one trial after the back-off: %v", n)
	}
	h.clock.Advance(time.Second)
	for range 10 {
		h.get("/")
	}
	if n := counts(a, b); n[0] != 0 {
		t.Errorf("the second back-off is longer: %v", n)
	}
	a.say(200, wire.AuthorizeAnswer{Decision: wire.DecisionAllow})
	h.clock.Advance(time.Second)
	for range 10 {
		h.get("/")
	}
	if n := counts(a, b); n[0] < 4 {
		t.Errorf("after it came back: %v", n)
	}
}

// Proves CAMS-05 for both kinds: a secondary may belong to another data center but must be the node it should be.
func TestSecondariesServeWhenNoPrimaryDoes(t *testing.T) {
	a, far := newConcord(t, "NYDC", "ny1"), newConcord(t, "LDC", "ldn1")
	h := newHouse(t, []*concord{a}, []*concord{far}, nil)
	for range 5 {
		h.get("/")
	}
	if n := counts(a, far); n[0] != 5 || n[1] != 0 {
		t.Errorf("while the primary works: %v", n)
	}
	a.rename("LDC", "ny1")
	for range 5 {
		res, _ := h.get("/")
		h.wantStatus(res, 200)
	}
	if n := counts(a, far); n[0] != 1 || n[1] != 5 {
		t.Errorf("after the primary became another: %v", n)
	}
	far.rename("LDC", "ldn2")
	res, _ := h.get("/")
	h.wantStatus(res, 503)
}

// Proves that nobody waits for a back-off when all servers failed: a restart of all is over when they answer again.
func TestAllBackingOffAreAskedAnyway(t *testing.T) {
	a, b := newConcord(t, "NYDC", "ny1"), newConcord(t, "NYDC", "ny2")
	h := newHouse(t, []*concord{a, b}, nil, nil)
	a.say(503, "")
	b.say(503, "")
	for range 4 {
		res, _ := h.get("/")
		h.wantStatus(res, 503)
	}
	b.say(200, wire.AuthorizeAnswer{Decision: wire.DecisionAllow})
	res, _ := h.get("/")
	h.wantStatus(res, 200)
}

// Proves that a server that hangs costs one person a wait, not everybody: while one request tries it, others pass it by.
func TestOnlyOneRequestTriesAServerThatFailed(t *testing.T) {
	a, b := newConcord(t, "NYDC", "ny1"), newConcord(t, "NYDC", "ny2")
	h := newHouse(t, []*concord{a, b}, nil, nil)
	a.say(500, "")
	h.get("/")
	h.get("/")
	counts(a, b)
	h.clock.Advance(time.Second)
	tried, release := make(chan struct{}, 100), make(chan struct{})
	a.do(func(string) (int, any) {
		tried <- struct{}{}
		<-release
		return 200, wire.AuthorizeAnswer{Decision: wire.DecisionAllow}
	})
	var wg sync.WaitGroup
	for range 2 { // one of the two starts at a
		wg.Go(func() { h.get("/") })
	}
	<-tried
	for range 10 {
		h.get("/")
	}
	if n := len(a.taken()); n != 1 {
		t.Errorf("%d requests tried it", n)
	}
	close(release)
	wg.Wait()
}

func TestFailoverUnderLoad(t *testing.T) {
	a, b := newConcord(t, "NYDC", "ny1"), newConcord(t, "NYDC", "ny2")
	h := newHouse(t, []*concord{a, b}, nil, nil)
	var wg sync.WaitGroup
	for i := range 60 {
		wg.Go(func() {
			if i == 20 {
				a.CloseClientConnections()
				a.say(500, "")
			}
			if res, _ := h.get("/"); res.StatusCode != 200 {
				t.Errorf("request %d: %s", i, res.Status)
			}
		})
	}
	wg.Wait()
}
