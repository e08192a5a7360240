package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
)

// Whom to kill.
const (
	aNode     = "node"
	aMember   = "member"
	theWorker = "worker" // the node that holds the lease
)

func victims() []string { return []string{aNode, aMember, theWorker} }

// killUntil kills one after the other.
func (n *nodes) killUntil(end time.Time) {
	for i := rand.IntN(3); time.Now().Before(end) && n.s.Context().Err() == nil; i++ {
		n.killOne(victims()[i%3])
		n.s.let(between(200*time.Millisecond, 2*time.Second))
	}
}

// killOne is kill -9, a moment without the victim, and its start, until it is well again: of each three one at a time is missing.
func (n *nodes) killOne(kind string) {
	n.seen.kill(kind)
	switch kind {
	case aMember:
		m := n.members.Members[rand.IntN(len(n.members.Members))]
		m.Kill()
		n.s.let(between(200*time.Millisecond, 2*time.Second))
		m.Start()
		m.AwaitHealthy()
	case theWorker:
		n.killWorker()
	default:
		n.killNode(n.all[rand.IntN(len(n.all))])
	}
}

func (n *nodes) killNode(p *testkit.Process) {
	p.Kill()
	n.s.let(between(200*time.Millisecond, 2*time.Second))
	p.Start()
}

// killWorker kills the node that works for all, and starts it again when another one does.
func (n *nodes) killWorker() {
	worker := ""
	n.all[0].Within(testkit.Limit, "a node works", func() bool { worker = n.working(); return worker != "" })
	var p *testkit.Process
	for i, one := range n.all {
		if worker == fmt.Sprint(strings.ToLower(one.ClusterID), i+1) {
			p = one
		}
	}
	if p == nil {
		n.s.Fatalf("there is no node %q", worker)
	}
	p.Kill()
	killed := time.Now()
	p.Within(testkit.Limit, "another node works", func() bool { now := n.working(); return now != "" && now != worker })
	n.seen.tookOver(time.Since(killed))
	p.Start()
}
