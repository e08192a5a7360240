package main

import (
	"fmt"
	"net"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
)

const (
	fewDescriptors = 128 // fewer than the listeners take connections, 64 each
	manyAddresses  = 4
)

// outOfDescriptors opens connections from several addresses until a server has no descriptor left. It goes on as soon as they are closed, takes
// changes again, and nothing that it acknowledged is lost, also after a kill (FLT-06).
func outOfDescriptors(s *stage) {
	p := testkit.NewProcess(s, limited(s, s.program(), fewDescriptors), "NYDC")
	p.Start()
	l := newLedger(s)
	for range s.runs {
		stop := l.write(&p.DataCenter, 4, true)
		conns := crowdOf(s, p)
		s.let(between(time.Second, 2*time.Second))
		for _, c := range conns {
			_ = c.Close() // nothing was said over it
		}
		select {
		case <-p.Ended():
			s.Fatalf("the server ended:\n%s", p.Log())
		default:
		}
		had := l.total.Load()
		p.Within(3*testkit.Limit, "changes are taken again", func() bool { return l.total.Load() > had })
		stop()
		for _, d := range entriesOf(p) {
			p.Within(testkit.Limit, d.name+" serves", func() bool { return d.serves(s.Context()) == nil })
		}
		l.check(&p.DataCenter)
	}
	p.Kill()
	p.Start()
	l.check(&p.DataCenter)
}

// crowdOf opens all the connections that it gets.
func crowdOf(s *stage, p *testkit.Process) (out []net.Conn) {
	for i := range manyAddresses {
		for _, d := range entriesOf(p) {
			for range fewDescriptors / 2 {
				c, err := dialer(fmt.Sprintf("127.0.1.%d", i+1)).DialContext(s.Context(), "tcp", d.address)
				if err == nil {
					out = append(out, c)
				}
			}
		}
	}
	return out
}
