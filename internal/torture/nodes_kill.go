package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
)

// Whom to kill.
const (
	aNode     = "node"
	aMember   = "member"
	theWorker = "worker"  // the node that holds the lease
	aSleeper  = "sleeper" // a node that is not killed but stands still, for longer than it may answer from what it knew
	aLeaver   = "leaver"  // a node that is told to stop, and does so in order
)

// victims are those of the quick form; the long one has aSleeper too.
func victims() []string { return []string{aNode, aMember, theWorker, aLeaver} }

// killUntil kills one after the other, where it left off.
func (n *nodes) killUntil(end time.Time) {
	kinds := []string{aNode, aMember, theWorker, aNode, aMember, aLeaver, aNode, aMember, theWorker, aNode, aMember, aSleeper} // who sleeps takes long
	for ; time.Now().Before(end) && n.s.Context().Err() == nil; n.turn++ {
		n.killOne(kinds[n.turn%len(kinds)])
		n.s.let(between(n.gap/10, n.gap))
	}
}

// killOne is kill -9, a moment without the victim, and its start, until it is well again: one at a time is missing.
func (n *nodes) killOne(kind string) {
	n.seen.kill(kind)
	switch kind {
	case aMember:
		m := n.members.Members[rand.IntN(len(n.members.Members))]
		m.Kill()
		n.s.let(between(n.gap/10, n.gap))
		m.Start()
		m.AwaitHealthy()
	case theWorker:
		n.killWorker()
	case aLeaver:
		n.restart(n.all[rand.IntN(len(n.all))])
	case aSleeper:
		n.pause(n.all[rand.IntN(len(n.all))])
	default:
		n.killNode(n.all[rand.IntN(len(n.all))])
	}
}

// restart is SIGTERM and a new start. Meanwhile no request fails that was sent (FLT-30).
func (n *nodes) restart(p *testkit.Process) {
	n.seen.calm.Add(1)
	defer n.seen.calm.Add(1)
	p.Signal(syscall.SIGTERM)
	if code := p.Exit(); code != 0 {
		n.s.broke("a node that was told to stop ends with exit code %d", code)
	}
	n.start(p)
}

// pause has a node stand still. When it goes on there are requests in its sockets, and in others what it missed (FLT-31).
func (n *nodes) pause(p *testkit.Process) {
	p.Signal(syscall.SIGSTOP)
	n.s.let(staleBound + between(time.Second, 3*time.Second))
	p.Signal(syscall.SIGCONT)
	p.Within(startLimit, "is ready after it stood still", p.Ready)
}

// startLimit is for a busy machine; how long it took is one of the figures.
const startLimit = 2 * time.Minute

func (n *nodes) start(p *testkit.Process) {
	began := time.Now()
	p.Launch()
	p.Within(startLimit, "is ready again", func() bool {
		select {
		case <-p.Ended():
			n.s.Fatalf("a node has ended; its log:\n%s", p.Log())
		default:
		}
		return p.Ready()
	})
	n.seen.cameBack(time.Since(began))
}

func (n *nodes) killNode(p *testkit.Process) {
	p.Kill()
	n.s.let(between(n.gap/10, n.gap))
	n.start(p)
}

// takeOverLimit is how long nobody may work for the data center after a kill (docs/etcd.md).
const takeOverLimit = 5 * time.Second

// killWorker kills the node that works for all, and starts it again when another one does. The long form fails when that takes longer than
// promised while every member of etcd was well: a lease cannot be taken over without a quorum.
func (n *nodes) killWorker() {
	worker := ""
	n.all[0].Within(testkit.Limit, "a node works", func() bool { worker = working(n.all); return worker != "" })
	var p *testkit.Process
	var others []*testkit.Process
	for i, one := range n.all {
		if worker == fmt.Sprint(strings.ToLower(one.ClusterID), i+1) {
			p = one
		} else {
			others = append(others, one)
		}
	}
	if p == nil {
		n.s.Fatalf("there is no node %q", worker)
	}
	well := n.members.Well()
	p.Kill()
	killed := time.Now()
	p.Within(testkit.Limit, "another node works", func() bool { now := working(others); return now != "" && now != worker })
	took := time.Since(killed)
	n.seen.tookOver(took)
	switch {
	case took <= takeOverLimit || !n.bounded:
	case well && n.members.Well():
		n.seen.complain("another node works %s after the one that did was killed", took.Round(time.Millisecond))
	default:
		n.seen.count(excused)
	}
	n.start(p)
}
