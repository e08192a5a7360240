package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

const (
	overloadFactor = 5
	overloadLong   = 60        // runs (seconds) from which on goodput is judged as promised
	overloadMemory = 512 << 20 // bytes that a server may take beyond what it has at rest
	overloadFloor  = 1.0 / 50  // of the peak, where other tests and the race detector take their parts
	overloadGood   = 0.8       // of the peak (FLT-29)
	overloadPeople = 32        // in a long run
	overloadFew    = 8
	peakLines      = 64 // as many connections as reach the peak, and fewer than make a queue
)

// overload asks a master for five times what it can do, of each kind at once: decisions of agents, changes of administrators and sign-ins
// with a password, while a clone follows and adopts. Every answer is a success, or 429 or 503 with Retry-After; decisions keep four
// fifths of their peak; administration gets more of what it asks for than sign-ins do; memory and goroutines stay bounded; and
// afterwards all is as before (FLT-29).
func overload(s *stage) {
	all := testkit.StartProcesses(s, s.program(), "NYDC", "LDC")
	master, clone := all[0], all[1]
	testkit.Link(&master.DataCenter, &clone.DataCenter)
	o := newOverload(s, &master.DataCenter, &clone.DataCenter)
	defer o.close()
	calm := o.figures()[goroutines]
	o.measure()
	o.began, _ = testkit.InStep(o.at, o.clone)
	rest := o.figures()
	rest[goroutines] = calm
	load := o.load(time.Duration(s.runs) * time.Second)
	o.recovers(rest)
	o.reference()
	o.judge(load, rest)
}

// overloaded is a master under load.
type overloaded struct {
	s                *stage
	at, clone        *testkit.DataCenter
	decisions        *demand
	changes, signIns *demand
	cookies          []string // of people with a session at the master
	desk             testkit.Application
	metrics          *line
	highest          map[string]float64 // of figures of the server under load
	adopted, asked   int
	peaks            []pace  // of the decisions, over all connections
	cores            float64 // of the server under load
	began, seen      uint64  // sequence of the clone before the load, and the last one while it lasted
}

func newOverload(s *stage, at, clone *testkit.DataCenter) *overloaded {
	o := &overloaded{s: s, at: at, clone: clone, highest: map[string]float64{}, desk: at.Application("desk", "https://desk.example")}
	address := func(url string) string { _, a, _ := strings.Cut(url, "://"); return a }
	admin, runtime := address(at.Endpoint), address(at.RuntimeURL)
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(o.desk.Agent+":"+o.desk.Secret))
	ok := func(a answer) bool { return a.status == http.StatusOK || a.status == http.StatusCreated }
	people := overloadFew
	if o.long() {
		people = overloadPeople
	}
	var questions, proofs [][]byte
	for i := range people {
		name := fmt.Sprintf("person%d", i)
		at.User(name)
		b := testkit.NewBrowser(s, at)
		if v := b.Open(o.desk, name, testkit.Password); v.User != name {
			s.Fatalf("sign in: %+v", v)
		}
		questions = append(questions, request(http.MethodPost, "/session/v1/authorize", runtime, basic, text(s, wire.AuthorizeRequest{
			Method: http.MethodGet, Scheme: "https", Host: "desk.example", Target: "/", Navigation: true, Cookie: b.AgentCookie(o.desk)})))
		proofs = append(proofs, request(http.MethodPost, "/session/v1/authenticate", runtime, "", text(s, wire.AuthenticateRequest{User: name, Password: testkit.Password})))
		o.cookies = append(o.cookies, b.AgentCookie(o.desk))
		b.Close()
	}
	o.decisions = newDemand("decisions", 512, runtime, at.TLS(), func(l, n int) []byte { return questions[(l+n)%len(questions)] },
		func(a answer) bool { return strings.HasPrefix(a.body, `{"decision":"allow"`) })
	o.changes = newDemand("changes", 64, admin, at.TLS(), func(l, n int) []byte {
		name := fmt.Sprintf("g%d", l)
		return request(http.MethodPut, "/v1/groups/"+name, admin, "Bearer "+at.Token, text(s, wire.Group{Name: name, Description: fmt.Sprint(n)}))
	}, ok)
	o.signIns = newDemand("sign-ins", 2*people, runtime, at.TLS(), func(l, _ int) []byte { return proofs[l%len(proofs)] }, ok)
	o.metrics = newLine(admin, at.TLS())
	testkit.InStep(at, clone)
	return o
}

func text(s *stage, v any) string {
	s.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		s.Fatal(err)
	}
	return string(b)
}

func (o *overloaded) all() []*demand { return []*demand{o.decisions, o.changes, o.signIns} }

func (o *overloaded) close() {
	for _, d := range o.all() {
		d.close()
	}
	o.metrics.close()
}

// measure finds the peak of each kind by itself.
func (o *overloaded) measure() {
	o.s.Helper()
	for _, d := range o.all() {
		lines := peakLines
		if d == o.signIns {
			lines = 8
		}
		d.peak = o.peak(d, lines).rate
	}
	o.reference()
}

// reference measures the decisions' peak over the connections of the load, before and after it: over many connections a decision costs
// more than over few, whatever else is asked, and what else runs on the machine changes in a minute.
func (o *overloaded) reference() {
	o.s.Helper()
	if o.long() {
		o.peaks = append(o.peaks, o.peak(o.decisions, len(o.decisions.lines)))
	}
}

// pace is what a server does with how much of the machine.
type pace struct{ rate, cores float64 } // a second

// eachCore is how much a core does, of those that the server had: the load, its clone and others take the rest of the machine.
func (p pace) eachCore() float64 { return p.rate / max(p.cores, 0.01) }

// peak is how many requests of a kind are done, when each connection asks again as soon as there is an answer.
func (o *overloaded) peak(d *demand, lines int) pace {
	o.s.Helper()
	took := time.Duration(max(1, min(o.s.runs/6, 10))) * time.Second / 2
	_, warm := d.closed(o.s.Context(), lines, took/4)
	before := o.figures()[processor]
	rate, t := d.closed(o.s.Context(), lines, took)
	out := pace{max(rate, 1), (o.figures()[processor] - before) / took.Seconds()}
	if t.wrong.Load()+warm.wrong.Load() > 0 {
		o.s.Fatalf("%s alone: %d and %d were wrong", d.name, warm.wrong.Load(), t.wrong.Load())
	}
	o.note("peak of %s %.0f/s over %d connections with %.2f cores, p99 %s", d.name, rate, lines, out.cores, t.late().Round(10*time.Microsecond))
	return out
}

// load asks for five times the peak of each kind at once, and looks at the server and its clone meanwhile.
func (o *overloaded) load(took time.Duration) map[*demand]*tally {
	before := o.figures()[processor]
	out, group, done := map[*demand]*tally{}, sync.WaitGroup{}, make(chan struct{})
	var mu sync.Mutex // guards out
	for _, d := range o.all() {
		group.Go(func() {
			t := d.open(o.s.Context(), overloadFactor*d.peak, took)
			mu.Lock()
			defer mu.Unlock()
			out[d] = t
		})
	}
	go func() { group.Wait(); close(done) }()
	for {
		o.look()
		select {
		case <-done:
			o.cores = (o.figures()[processor] - before) / took.Seconds()
			return out
		case <-time.After(time.Second):
		}
	}
}

// look reads the server's figures, and where its clone is.
func (o *overloaded) look() {
	for name, v := range o.figures() {
		o.highest[name] = math.Max(o.highest[name], v)
	}
	o.seen = o.clone.View().LastSequence
	o.adopt()
}

// adopt has the next person go over to the clone, which takes the session over from the master.
func (o *overloaded) adopt() {
	if o.asked == len(o.cookies) {
		return
	}
	at, cookie := o.desk.Through(o.clone), o.cookies[o.asked]
	o.asked++
	if at.Authorize(cookie).Decision == wire.DecisionAllow {
		o.adopted++
	}
}
