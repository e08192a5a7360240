package main

import (
	"net/http"
	"strings"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/failpoint"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// The program poses as these releases: neighbours.
const (
	older = failpoint.InsteadVariable + "=version=0.8.0"
	newer = failpoint.InsteadVariable + "=version=0.9.0"
)

// What the older release does not know.
const (
	unknownKind = "setting"
	settingName = "banner"
)

// versions runs a master and a clone of neighbouring versions, either way round. They replicate; a record of a kind that the
// clone does not know stops it there, says so and is not skipped; after its upgrade the clone goes on by itself. The wrong order
// of upgrading is warned of (FLT-27).
func versions(s *stage) {
	for range s.runs {
		all := testkit.StartProcesses(s, s.fragile(), "NYDC", "LDC")
		master, clone := all[0], all[1]
		lacking := failpoint.WithoutVariable + "=" + failpoint.NoKind(unknownKind)
		as(master, older)
		as(clone, newer)
		testkit.Link(&master.DataCenter, &clone.DataCenter)
		l := newLedger(s)
		replicates(s, l, master, clone)
		if warned(s, &master.DataCenter) || warned(s, &clone.DataCenter) {
			s.broke("the right order, clone before master, is warned of")
		}
		as(clone, older, lacking) // back to the older release, and the master on to the newer one: the wrong order
		as(master, newer)
		replicates(s, l, master, clone)
		if !warned(s, &master.DataCenter) || !warned(s, &clone.DataCenter) {
			s.broke("a master that is newer than its clone is not warned of")
		}
		unknown(s, l, master, clone)
		as(clone, newer)
		testkit.InStep(&master.DataCenter, &clone.DataCenter)
		l.objects(&clone.DataCenter)
		if err := getSetting(&clone.DataCenter); err != nil {
			s.broke("after its upgrade the clone lacks the new record: %v", err)
		}
		for _, p := range all {
			p.Kill()
		}
	}
}

// as stops a data center and starts it as another release.
func as(p *testkit.Process, env ...string) {
	p.Kill()
	p.Env = env
	p.Start()
}

func replicates(s *stage, l *ledger, master, clone *testkit.Process) {
	s.Helper()
	stop := l.write(&master.DataCenter, 4, true)
	until := l.total.Load() + 40
	master.Within(testkit.Limit, "changes are acknowledged", func() bool { return l.total.Load() >= until })
	stop()
	testkit.InStep(&master.DataCenter, &clone.DataCenter)
	l.objects(&clone.DataCenter)
}

// unknown writes a record that the clone does not know, and others behind it.
func unknown(s *stage, l *ledger, master, clone *testkit.Process) {
	s.Helper()
	at := master.View().LastSequence
	master.Put("/v1/settings/"+settingName, wire.Setting{Name: settingName, Value: "on"})
	stop := l.write(&master.DataCenter, 2, true)
	until := l.total.Load() + 10
	master.Within(testkit.Limit, "changes are acknowledged", func() bool { return l.total.Load() >= until })
	stop()
	var st wire.ReplicationStatus
	clone.Within(testkit.Limit, "the clone stops", func() bool {
		clone.Get("/v1/replication/status", &st)
		return len(st.Agreements) == 1 && st.Agreements[0].State == "stopped"
	})
	if why := st.Agreements[0].Reason; st.Healthy || !strings.Contains(why, unknownKind) || !strings.Contains(why, "upgrade") {
		s.broke("the clone that cannot go on says %+v", st)
	}
	if now := clone.View().LastSequence; now != at {
		s.broke("the clone stands at %d; the record that it does not know is %d", now, at+1)
	}
	as(clone, clone.Env...) // a restart changes nothing
	clone.Within(testkit.Limit, "the clone is stopped again", func() bool {
		clone.Get("/v1/replication/status", &st)
		return len(st.Agreements) == 1 && st.Agreements[0].State == "stopped"
	})
	if now := clone.View().LastSequence; now != at {
		s.broke("after a restart the clone stands at %d, before at %d", now, at)
	}
}

// warned says whether validation warns of the order of upgrading.
func warned(s *stage, d *testkit.DataCenter) bool {
	s.Helper()
	var v wire.Validation
	d.Get("/v1/validate", &v)
	for _, f := range v.Findings {
		if f.Code == "upgrade_order" {
			return true
		}
	}
	return false
}

func getSetting(d *testkit.DataCenter) error {
	_, err := d.Do(client.Request{Method: http.MethodGet, Path: "/v1/settings/" + settingName})
	return err
}
