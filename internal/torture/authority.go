package main

import (
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
)

// shortLife is the life of the certificates here: the shortest that a node's file takes.
const shortLife = time.Minute

// authorityAway takes the external certificate authority of a data center away for two lives of its certificates, under requests.
// Before that they are renewed twice. No request fails until the certificate that is shown has ended; then the node says why
// nobody believes it, also when it is started anew, and is well by itself when the authority is back (FLT-21). `make test` has it with
// certificates of ten seconds, in server/app.
func authorityAway(s *stage) {
	for range s.runs {
		ca := testkit.NewStepCA(s, s.stepCA(), testkit.StepOptions{ClusterID: "nydc", Min: 5 * time.Second, Max: time.Hour, Backdate: time.Second})
		ca.Start()
		p := testkit.NewProcess(s, s.program(), "NYDC")
		p.UseStepCA(ca, shortLife)
		p.Start()
		v := testkit.KeepVisiting(s, &p.DataCenter)
		for range 2 {
			before := v.Shown()
			p.Within(shortLife+testkit.Limit, "the certificate is renewed", func() bool { return v.Shown() != before && before != "" || before == "" && v.Served() > 0 })
		}
		if n := v.Refused(); n > 0 {
			s.broke("%d requests found a certificate that had ended, while the authority was there", n)
		}
		ca.Kill()
		away := time.Now()
		p.Within(shortLife+testkit.Limit, "the certificate ends", func() bool { return v.Refused() > 0 })
		s.let(2*shortLife - time.Since(away))
		s.ended(p)
		v.Stop()
		if n, err := v.Failed(); n > 0 {
			s.broke("%d of %d requests failed, the first with %v", n, n+v.Served(), err)
		}
		s.startsWithout(p, ca)
	}
}

// ended wants the node to say that its certificate has.
func (s *stage) ended(p *testkit.Process) {
	s.Helper()
	if why := strings.Join(p.Unhealthy(), "; "); !strings.Contains(why, "certificate of this node ended") || !strings.Contains(why, "cannot be reached") {
		s.broke("the certificate has ended, and the node says %q", why)
	}
}

// startsWithout kills the node, whose certificate has ended, and starts it without its authority, which comes back; then it does so again
// while the certificate is good.
func (s *stage) startsWithout(p *testkit.Process, ca *testkit.StepCA) {
	s.Helper()
	p.Kill()
	p.Launch()
	p.Within(2*testkit.Limit, "it listens", p.Listens)
	s.ended(p)
	ca.Start()
	p.WaitReady()
	ca.Kill()
	p.Kill()
	p.Start()
}
