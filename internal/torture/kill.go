package main

import (
	"math/rand/v2"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
)

// kills is kill -9 of a master again and again under 8 to 16 writers. The clone beside it computes the digest after every
// record anew, and would take a second copy if one of them did not fit (FLT-01).
func kills(s *stage) {
	all := testkit.StartProcesses(s, s.program(), "NYDC", "LDC")
	master, clone := all[0], all[1]
	testkit.Link(&master.DataCenter, &clone.DataCenter)
	l := newLedger(s)
	copies := strings.Count(clone.Log(), takesCopy)
	for range s.runs {
		stop := l.write(&master.DataCenter, 8+rand.IntN(maxWriters-8+1), false)
		s.let(between(200*time.Millisecond, 800*time.Millisecond))
		master.Kill()
		stop()
		had := clone.View().LastSequence
		master.Start()
		if now := master.View().LastSequence; now < had {
			s.broke("the clone had sequence %d, the master came back with %d", had, now)
		}
		l.check(&master.DataCenter)
	}
	testkit.InStep(&master.DataCenter, &clone.DataCenter)
	l.objects(&clone.DataCenter)
	if n := strings.Count(clone.Log(), takesCopy) - copies; n > 0 {
		s.broke("the clone took %d more copies: a digest did not fit", n)
	}
	s.Logf("%d changes were acknowledged", l.total.Load())
}

const takesCopy = "replication takes a snapshot"
