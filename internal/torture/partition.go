package main

import (
	"net/http"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// healed is how long a clone may take until it has all again after a cut.
const healed = 5 * time.Second

// partitions cuts a master from its clone in every direction. All the while the clone decides requests and refuses changes, the
// master accepts them and shows how far the clone is behind; five seconds after the cut both are equal (FLT-10).
func partitions(s *stage) {
	master, clone, link := linked(s)
	app := master.Application("desk", "https://desk.example")
	master.User("ann")
	testkit.InStep(master, clone)
	there := app.Through(clone)
	browser := testkit.NewBrowser(s, master, clone)
	if v := browser.Open(there, "ann", testkit.Password); v.User != "ann" {
		s.Fatalf("ann cannot sign in at the clone: %+v", v)
	}
	l := newLedger(s)
	cuts := cuts(link)
	for i := range s.runs {
		c := cuts[i%len(cuts)]
		before := behind(master)
		c.begin()
		stop := l.write(master, 4, false)
		master.Within(testkit.Limit, c.name+": the master accepts changes", func() bool { return l.total.Load() > int64(i+1)*20 })
		s.let(between(time.Second, 3*time.Second))
		stop()
		if v := browser.Open(there, "", ""); v.User != "ann" || v.Asked {
			s.broke("%s: the clone no longer serves: %+v", c.name, v)
		}
		if err := put(clone, "stray"); fault.CodeOf(err) != "not_master" {
			s.broke("%s: a change at the clone: %v", c.name, err)
		}
		if now := behind(master); c.whole && now <= before {
			s.broke("%s: the master shows a lag of %d, before the cut %d", c.name, now, before)
		}
		link.heal()
		within(s, clone, healed, c.name+": both are equal again", func() bool {
			m, c := master.View(), clone.View()
			return m.LastSequence == c.LastSequence && m.Digest == c.Digest
		})
	}
	l.check(master)
	l.objects(clone)
}

// cutting is a way to part a master from its clone. whole says that nothing reaches the clone.
type cutting struct {
	name  string
	whole bool
	begin func()
}

func cuts(link *link) []cutting {
	toMaster, toClone := link.to[0], link.to[1]
	return []cutting{
		{"both ways, silently", true, link.silence},
		{"what the clone asks is lost", true, func() { toMaster.Silence(true, false) }},
		{"what the master answers is lost", true, func() { toMaster.Silence(false, true) }},
		{"the master's peer port is closed", true, func() { toMaster.Refuse(true) }},
		{"what the master asks is lost", false, func() { toClone.Silence(true, false) }},
		{"the clone's peer port is closed", false, func() { toClone.Refuse(true) }},
	}
}

// flapping closes and opens the link five times a second. The clone asks again, but never in a storm, and is equal at once
// when the link stays (FLT-13).
func flapping(s *stage) {
	master, clone, link := linked(s)
	l := newLedger(s)
	stop := l.write(master, 2, true)
	toMaster := link.to[0]
	from, _ := toMaster.Accepted()
	began := time.Now()
	for range s.runs {
		toMaster.Refuse(true)
		s.let(100 * time.Millisecond)
		toMaster.Refuse(false)
		s.let(100 * time.Millisecond)
	}
	took := time.Since(began)
	stop()
	within(s, clone, healed, "both are equal again", func() bool {
		return master.View().Digest == clone.View().Digest
	})
	accepted, peak := toMaster.Accepted()
	if rate := float64(accepted-from) / took.Seconds(); rate > stormRate {
		s.broke("%.0f connections a second: a storm", rate)
	} else {
		s.Logf("%.1f connections a second over %s, at most %d at a time", rate, took.Round(time.Second), peak)
	}
	if peak > stormPeak {
		s.broke("%d connections at a time", peak)
	}
	l.check(master)
	l.objects(clone)
}

// A clone has one question for the journal on its way, and asks for sign-outs and after health besides.
const (
	stormRate = 40 // connections a second
	stormPeak = 4  // connections at a time
)

// linked is a master and a clone with proxies between them.
func linked(s *stage) (master, clone *testkit.DataCenter, l *link) {
	s.Helper()
	all := testkit.StartProcesses(s, s.program(), "NYDC", "LDC")
	master, clone = &all[0].DataCenter, &all[1].DataCenter
	l = proxied(s, master, clone)
	testkit.Link(master, clone)
	return master, clone, l
}

// behind is how many records the master believes its clone lacks.
func behind(master *testkit.DataCenter) uint64 {
	var st wire.ReplicationStatus
	master.Get("/v1/replication/status", &st)
	if len(st.Agreements) == 0 {
		return 0
	}
	return st.Agreements[0].LagEntries
}

func put(d *testkit.DataCenter, name string) error {
	_, err := d.Do(putGroup(name))
	return err
}

func putGroup(name string) client.Request {
	return client.Request{Method: http.MethodPut, Path: client.Path("v1", "groups", name), In: wire.Group{Name: name}}
}

// within counts what is not there in time as broken, and waits on for it.
func within(s *stage, d *testkit.DataCenter, limit time.Duration, what string, ok func() bool) {
	s.Helper()
	began := time.Now()
	d.Within(limit+testkit.Limit, what, ok)
	if took := time.Since(began); took > limit {
		s.broke("%s: %s, allowed are %s", what, took.Round(time.Millisecond), limit)
	}
}
