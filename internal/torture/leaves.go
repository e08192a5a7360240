package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
)

// leaves lets two linked data centers and a gate live with certificates of a minute, the shortest there are, while requests go on
// without a pause: over new and over kept connections to the admin and the runtime listeners, through the gate, and over the link, where
// sessions are adopted in both directions. A run is one life of those certificates; none of the requests may fail (FLT-21). `make
// test` has it with certificates of ten seconds, in server/app.
func leaves(s *stage) {
	var both []*testkit.Process
	for _, id := range []string{"NYDC", "LDC"} {
		p := testkit.NewProcess(s, s.program(), id)
		p.Lives(shortLife)
		p.Start()
		both = append(both, p)
	}
	ny, ld := &both[0].DataCenter, &both[1].DataCenter
	testkit.Link(ny, ld)
	for _, user := range []string{"ann", "bob", "cora"} {
		ny.User(user)
	}
	desk := ny.Application("desk", "https://desk.example")
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	s.Cleanup(app.Close)
	gate := testkit.StartGate(s, s.program(), ny, "web", shortLife.String(), app.URL)
	person := testkit.NewBrowser(s, ny)
	if p := gate.SignIn(person, "cora"); p.Body != "hello" {
		s.Fatalf("through the gate: %d %s", p.Status, p.Body)
	}
	testkit.InStep(ny, ld)

	web := testkit.KeepAsking(s, testkit.Asking{URL: gate.Origin + "/", TLS: ny.TLS(), Jar: person.Jar, Every: visitPause, Keep: true})
	all := []*testkit.Visits{web}
	for _, d := range []*testkit.DataCenter{ny, ld} {
		for _, url := range []string{d.Endpoint, d.RuntimeURL} {
			for _, keep := range []bool{false, true} {
				all = append(all, testkit.KeepAsking(s, testkit.Asking{URL: url + "/v1/health", TLS: d.TLS(), Every: visitPause, Keep: keep}))
			}
		}
	}
	loads := testkit.Adoptions{testkit.Adopt(ny, ld, desk, "ann"), testkit.Adopt(ld, ny, desk, "bob")}
	seen := s.watchLeaves(gate, all)
	for _, v := range all {
		v.Stop()
	}
	s.unfailing(all, loads, seen)
}

// visitPause is between two visits of one visitor.
const visitPause = 40 * time.Millisecond

// watchLeaves lets the lives pass and gives how many certificates each of the visitors, and the gate, were seen to show.
func (s *stage) watchLeaves(gate *testkit.Gate, all []*testkit.Visits) (seen map[any]map[string]bool) {
	seen = map[any]map[string]bool{}
	note := func(who any, serial string) {
		if seen[who] == nil {
			seen[who] = map[string]bool{}
		}
		if serial != "" {
			seen[who][serial] = true
		}
	}
	for end := time.Now().Add(time.Duration(s.runs) * shortLife); time.Now().Before(end) && s.Context().Err() == nil; s.let(time.Second) {
		for _, v := range all {
			note(v, v.Shown())
		}
		if c := gate.Shown(); c != nil {
			note(gate, c.SerialNumber.String())
		}
	}
	return seen
}

// unfailing wants that all was served, and that the certificates were replaced as often as they had to be.
func (s *stage) unfailing(all []*testkit.Visits, loads testkit.Adoptions, seen map[any]map[string]bool) {
	served := 0
	for i, v := range all {
		n, err := v.Failed()
		if n += v.Refused(); n > 0 || v.Served() == 0 {
			s.broke("visitor %d: %d of %d requests failed, the first with %v", i, n, n+v.Served(), err)
		}
		served += v.Served()
	}
	rounds, failed := loads.Stop()
	for range failed {
		s.broke("an adoption failed")
	}
	most, least := 0, s.runs+1 // each is replaced at two thirds of its life
	for who, serials := range seen {
		if _, visitor := who.(*testkit.Visits); !visitor && len(serials) < least {
			s.broke("the gate showed %d certificates in %d lives", len(serials), s.runs)
		}
		most = max(most, len(serials))
	}
	if most < least {
		s.broke("nobody was seen to show more than %d certificates in %d lives", most, s.runs)
	}
	s.Logf("%d requests and %d adoptions in %d lives, %d certificates one after the other", served, rounds, s.runs, most)
}
