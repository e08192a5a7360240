package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

const (
	nodeNames    = 3
	nodeVisitors = 6
	nodeHistory  = 15 * time.Second // of one history of administration

	// staleBound is how long a node that is ready may answer from what it knew before another one changed it (docs/etcd.md).
	staleBound = 5 * time.Second
)

// nodesUnderKills runs one data center of three nodes on three members of etcd. One of the six after the other is killed and started
// again, while eight clients administer it and six people sign in, use an application and sign out, each step at any node. What
// administrators saw must be linearizable; what was acknowledged of sign-ons must hold at every node (FLT-24, FLT-25, FLT-19). A run is a minute.
func nodesUnderKills(s *stage) {
	n := startNodes(s, 2*time.Second)
	n.bounded = true
	stop := n.visit()
	for run := range s.runs {
		for end, part := time.Now().Add(time.Minute), 0; time.Now().Before(end) && s.Context().Err() == nil; part++ {
			n.round(run*100+part, func() { n.killUntil(time.Now().Add(nodeHistory)) })
		}
	}
	stop()
	n.settle()
	n.report()
}

// nodesKilledOnce is the same with one kill of a node, of a member and of the node that works for all.
func nodesKilledOnce(s *stage) {
	n := startNodes(s, 500*time.Millisecond)
	stop := n.visit()
	n.round(0, func() {
		n.after(20)
		for _, kind := range victims() {
			n.killOne(kind)
			n.after(20)
		}
	})
	stop()
	n.settle()
	n.report()
}

// nodes is a data center of several nodes, and what its users are told.
type nodes struct {
	s       *stage
	all     []*testkit.Process
	members *testkit.Etcd
	portal  testkit.Application

	seen       *sightings
	bounded    bool          // how long a take-over lasts is judged: not in the short form, which runs on machines that are busy with other tests
	turn       int           // of killUntil
	gap        time.Duration // at most between two faults, and between a kill and the start
	operations int           // of administrators
	unknown    int
	visitors   []*visitor
}

func startNodes(s *stage, gap time.Duration) *nodes {
	n := &nodes{s: s, gap: gap, seen: newSightings(), members: testkit.NewEtcd(s, s.etcd(), 3, testkit.EtcdOptions{})}
	first := testkit.NewProcess(s, s.program(), "NYDC")
	first.UseEtcd(n.members.Block("concord/NYDC"))
	first.Start()
	n.all = []*testkit.Process{first}
	for i := 2; i <= nodeNames; i++ {
		n.all = append(n.all, testkit.NewNode(s, first, fmt.Sprint("nydc", i)))
		n.all[i-1].Launch()
	}
	for _, p := range n.all {
		p.WaitReady()
	}
	n.portal = first.Application("portal", "https://portal.example")
	for i := range nodeVisitors {
		first.User(visitorName(i))
	}
	return n
}

func (n *nodes) centers() (out []*testkit.DataCenter) {
	for _, p := range n.all {
		out = append(out, &p.DataCenter)
	}
	return out
}

// round is one history of administration under trouble.
func (n *nodes) round(number int, trouble func()) {
	h := &history{s: n.s, run: number, began: time.Now(), all: n.centers(), nodes: true, heard: func() { n.seen.heard("administration") }}
	stop := h.begin()
	trouble()
	stop()
	n.seen.pause("administration")
	for _, o := range h.operations {
		n.operations++
		if o.Output.(output).unknown { //nolint:forcetypeassert // ours
			n.unknown++
		}
	}
	h.judge()
	n.complain()
}

// visit starts the people.
func (n *nodes) visit() (stop func()) {
	ctx, cancel := context.WithCancel(n.s.Context())
	var group sync.WaitGroup
	for i := range nodeVisitors {
		v := newVisitor(n, visitorName(i))
		n.visitors = append(n.visitors, v)
		group.Go(func() { v.run(ctx) })
	}
	return func() { cancel(); group.Wait() }
}

// after waits until there were so many more visits.
func (n *nodes) after(visits int64) {
	until := n.seen.visits.Load() + visits
	n.all[0].Within(2*testkit.Limit, "people are served", func() bool { return n.seen.visits.Load() >= until })
}

// complain tells of the promises that were seen broken.
func (n *nodes) complain() {
	for _, what := range n.seen.take() {
		n.s.broke("%s", what)
	}
}

// settle has everybody up and asks once more about each sign-on, at each node: the end of each that was ended holds, and so does each other.
func (n *nodes) settle() {
	for _, p := range n.all {
		p.WaitReady()
	}
	for _, v := range n.visitors {
		v.settle(n.s.Context())
	}
	n.complain()
}

// report prints the figures.
func (n *nodes) report() {
	n.s.figures = append(n.s.figures, fmt.Sprintf("administration operations %d unknown %d", n.operations, n.unknown))
	n.s.figures = append(n.s.figures, n.seen.lines()...)
	for _, f := range n.s.figures {
		n.s.Log(f)
	}
}

// working is the name of the node that works for all; "" when nobody that is asked knows.
func working(asked []*testkit.Process) string {
	for _, p := range asked {
		var v wire.Nodes
		if _, err := p.Do(client.Request{Method: http.MethodGet, Path: "/v1/nodes", Out: &v, Timeout: 2 * time.Second}); err != nil {
			continue
		}
		if i := slices.IndexFunc(v.Nodes, func(n wire.Node) bool { return n.Works }); i >= 0 {
			return v.Nodes[i].NodeName
		}
	}
	return ""
}
