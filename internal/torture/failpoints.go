package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/failpoint"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// points are the named moments at which a server ends as by kill -9, by what is going on then.
func points() map[string]func(*stage, string) {
	all := map[string]func(*stage, string){}
	for _, p := range []string{"commit.before", "commit.done", "commit.seen", "mirror.written", "commit.mirrored", "commit.answered"} {
		all[p] = atCommit
	}
	for _, p := range []string{"start.stores", "start.journal", "start.authority", "start.listeners", "start.wire"} {
		all[p] = atStart
	}
	for _, p := range []string{"copy.begin", "stage.chunk", "stage.complete", "stage.switched"} {
		all[p] = atCopy
	}
	for _, p := range []string{"agree.half", "agree.whole"} {
		all[p] = atAgreement
	}
	for _, p := range []string{"ca.intended", "ca.signed"} {
		all[p] = atIssue
	}
	all["follow.applied"] = atApply
	for _, p := range []string{"handover.frozen", "handover.relieved", "promote.raise", "promote.raised"} {
		all[p] = atPromotion
	}
	all["handover.yielded"] = atYield
	for _, p := range []string{"rotate.kept", "rotate.switched"} {
		all[p] = atRotation
	}
	return all
}

// killedAtPoints ends servers at every named point. After the next start everything acknowledged is there, nothing is half, and
// the same call made again completes what was cut off (FLT-03). A run is one point; they take turns.
func killedAtPoints(s *stage) {
	all := points()
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	for i := range s.runs {
		name := names[i%len(names)]
		before := s.broken.Load()
		all[name](s, name)
		if s.broken.Load() > before {
			s.Logf("that was at %s", name)
		}
	}
	s.Logf("%d points", min(s.runs, len(names)))
}

func armed(point string, nth int) []string {
	return []string{fmt.Sprintf("%s=%s:%d", failpoint.Variable, point, nth)}
}

// ended waits for a program that ends at its point.
func ended(s *stage, p *testkit.Process, point string) {
	s.Helper()
	select {
	case <-p.Ended():
		p.Kill() // forgets it
	case <-time.After(2 * testkit.Limit):
		s.Errorf("%s was not reached", point)
		p.Kill()
	}
	p.Env = nil
}

// atCommit strikes while eight writers are at work.
func atCommit(s *stage, point string) {
	p := testkit.NewProcess(s, s.fragile(), "NYDC")
	p.Start()
	l := newLedger(s)
	for range 3 {
		p.Kill()
		p.Env = armed(point, 40+rand.IntN(150)) // a start commits a few times itself
		p.Start()
		stop := l.write(&p.DataCenter, 8, false)
		ended(s, p, point)
		stop()
		p.Start()
		l.check(&p.DataCenter)
	}
	p.Kill()
}

// atStart strikes at the first start and at a later one.
func atStart(s *stage, point string) {
	p := testkit.NewProcess(s, s.fragile(), "NYDC")
	l := newLedger(s)
	for range 2 {
		p.Env = armed(point, 1)
		p.Launch()
		ended(s, p, point)
		p.Start()
		stop := l.write(&p.DataCenter, 2, false)
		p.Within(testkit.Limit, "changes are acknowledged", func() bool { return l.total.Load() > 10 })
		stop()
		l.check(&p.DataCenter)
		p.Kill()
	}
}

// pair is a populated master and a clone to be, which know each other.
func pair(s *stage) (master, clone *testkit.Process) {
	s.Helper()
	all := testkit.StartProcesses(s, s.fragile(), "NYDC", "LDC")
	acquainted(all)
	return all[0], all[1]
}

// atCopy strikes a clone in its first copy.
func atCopy(s *stage, point string) {
	master, clone := pair(s)
	populate(s, &master.DataCenter)
	as(clone, armed(point, 1)...)
	_, _ = master.TryAgree(&clone.DataCenter)
	ended(s, clone, point)
	clone.Start()
	wholeOrNothing(s, &clone.DataCenter)
	complete(s, &master.DataCenter, &clone.DataCenter)
	testkit.InStep(&master.DataCenter, &clone.DataCenter)
	endAll(master, clone)
}

// atAgreement strikes a master between the halves of an agreement.
func atAgreement(s *stage, point string) {
	master, clone := pair(s)
	as(master, armed(point, 1)...)
	if _, err := master.TryAgree(&clone.DataCenter); err == nil {
		s.Errorf("%s was not reached", point)
	}
	ended(s, master, point)
	master.Start()
	complete(s, &master.DataCenter, &clone.DataCenter)
	testkit.InStep(&master.DataCenter, &clone.DataCenter)
	endAll(master, clone)
}

// atIssue strikes a data center that is about to answer with a certificate: what was signed and never answered is not valid
// afterwards, and the same request made again, with the same Idempotency-Key, gives one that is.
func atIssue(s *stage, point string) {
	p := testkit.NewProcess(s, s.fragile(), "NYDC")
	p.Start()
	as(p, armed(point, 1)...)
	csr, _, err := client.SigningRequest("spiffe://nydc/agent/a")
	if err != nil {
		s.Fatal(err)
	}
	var made wire.IssuedCertificate
	order := client.Request{Method: http.MethodPost, Path: "/v1/certificates", In: wire.CertificateOrder{Profile: "agent", CSRPEM: csr}, Out: &made,
		Header: http.Header{wire.HeaderIdempotencyKey: {"0123456789abcdef"}}}
	_, _ = p.Do(order) // the server ends
	ended(s, p, point)
	p.Start()
	if n := validCertificates(p); n != 0 {
		s.Errorf("%d certificates are valid that nobody was given", n)
	}
	if _, err := p.Do(order); err != nil || validCertificates(p) != 1 || made.Status != "valid" || made.CertificatePEM == "" {
		s.Errorf("made again: %v %+v", err, made.CertificateView)
	}
	endAll(p)
}

func validCertificates(p *testkit.Process) int {
	var page wire.Page[wire.CertificateView]
	p.Get("/v1/certificates?profile=agent&status=valid", &page)
	return len(page.Items)
}

// atApply strikes a clone that follows.
func atApply(s *stage, point string) {
	master, clone := pair(s)
	complete(s, &master.DataCenter, &clone.DataCenter)
	as(clone, armed(point, 1+rand.IntN(20))...)
	l := newLedger(s)
	stop := l.write(&master.DataCenter, 4, true)
	ended(s, clone, point)
	clone.Start()
	stop()
	testkit.InStep(&master.DataCenter, &clone.DataCenter)
	l.check(&master.DataCenter)
	l.objects(&clone.DataCenter)
	endAll(master, clone)
}

// atPromotion strikes the candidate of a planned promotion, atYield the master that it relieves, both under load.
func atPromotion(s *stage, point string) { promotion(s, point, 1) }
func atYield(s *stage, point string)     { promotion(s, point, 0) }

func promotion(s *stage, point string, victim int) {
	master, clone := pair(s)
	complete(s, &master.DataCenter, &clone.DataCenter)
	both := []*testkit.Process{master, clone}
	as(both[victim], armed(point, 1)...)
	clone.Follows(&master.DataCenter)
	w := newStorm(s, &master.DataCenter, &clone.DataCenter)
	stop := w.begin()
	var asking sync.WaitGroup
	gone := both[victim].Ended()
	asking.Go(func() { untilEnded(s, gone, func() { _, _ = promote(&clone.DataCenter, wire.MastershipChange{}) }) })
	ended(s, both[victim], point)
	both[victim].Start()
	asking.Wait()
	clone.Within(3*testkit.Limit, "the promotion made again completes", func() bool {
		_, err := promote(&clone.DataCenter, wire.MastershipChange{})
		if err != nil && fault.CodeOf(err) == "" {
			s.Errorf("the promotion made again: %v", err)
		}
		s.let(100 * time.Millisecond)
		return clone.View().Role == "master"
	})
	stop()
	if n := w.judge(settled(s, &master.DataCenter, &clone.DataCenter)); n > 0 {
		s.broke("%s: %d acknowledged changes are in conflict files after a planned promotion", point, n)
	}
	endAll(master, clone)
}

// untilEnded repeats what may be refused, under load, before it gets to the point.
func untilEnded(s *stage, gone <-chan struct{}, do func()) {
	for s.Context().Err() == nil {
		do()
		select {
		case <-gone:
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func endAll(all ...*testkit.Process) {
	for _, p := range all {
		p.Kill()
	}
}
