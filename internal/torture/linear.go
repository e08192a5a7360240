package main

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// The sizes of a history.
const (
	linearClients = 8
	linearObjects = 10
	linearTime    = 8 * time.Second // of one run
	checkTime     = time.Minute
)

// linearizable has eight clients read, create, compare-and-swap and delete ten objects at whoever is the master, while
// masters are killed, the link is cut and mastership is handed over. Every history must be one that a single object store
// could have made; a stale read that is planted into it must not (FLT-24).
func linearizable(s *stage) {
	all := testkit.StartProcesses(s, s.program(), "NYDC", "LDC")
	dcs := []*testkit.DataCenter{&all[0].DataCenter, &all[1].DataCenter}
	link := proxied(s, dcs...)
	testkit.Link(dcs[0], dcs[1])
	operations := 0
	for run := range s.runs {
		h := &history{s: s, run: run, began: time.Now(), all: dcs}
		stop := h.begin()
		trouble(s, all, link)
		stop()
		link.heal()
		operations += len(h.operations)
		h.judge()
		testkit.InStep(dcs...)
	}
	s.Logf("%d operations were checked", operations)
}

// trouble does one fault after another for the time of a run. It leaves both data centers running.
func trouble(s *stage, all []*testkit.Process, link *link) {
	for end := time.Now().Add(linearTime); time.Now().Before(end); s.let(between(200*time.Millisecond, 700*time.Millisecond)) {
		p := all[rand.IntN(len(all))]
		switch rand.IntN(4) {
		case 0:
			p.Kill()
			p.Start()
		case 1:
			link.silence()
			s.let(between(100*time.Millisecond, time.Second))
			link.heal()
		case 2:
			p.Signal(syscall.SIGSTOP)
			s.let(between(100*time.Millisecond, time.Second))
			p.Signal(syscall.SIGCONT)
		default: // refused now and then, which is an answer too
			_, _ = promote(&p.DataCenter, wire.MastershipChange{})
		}
	}
}

// history is what all clients saw.
type history struct {
	s     *stage
	run   int // its objects have names of their own: it begins with none
	began time.Time
	all   []*testkit.DataCenter
	nodes bool         // all are nodes of one master: any answers for all
	turn  atomic.Int64 // which of all is perhaps the master; who asks finds out
	heard func()       // called for each answer; nil = nobody wants to know

	mu         sync.Mutex // guards operations
	operations []porcupine.Operation
}

func (h *history) begin() (stop func()) {
	ctx, cancel := context.WithCancel(h.s.Context())
	var group sync.WaitGroup
	for i := range linearClients {
		var apis []*client.Client
		for _, d := range h.all {
			apis = append(apis, d.Admin())
		}
		group.Go(func() { (&linearClient{h: h, id: i, apis: apis, known: map[string]tag{}}).run(ctx) })
	}
	return func() { cancel(); group.Wait() }
}

// judge checks the history, and the same one with a stale read in it.
func (h *history) judge() {
	s := h.s
	switch porcupine.CheckOperationsTimeout(model(), h.operations, checkTime) {
	case porcupine.Illegal:
		s.broke("a history of %d operations is not linearizable", len(h.operations))
	case porcupine.Unknown:
		s.Errorf("a history of %d operations could not be checked in %s", len(h.operations), checkTime)
	case porcupine.Ok:
	}
	planted, ok := plant(h.operations)
	if !ok {
		s.Errorf("no read was found that could be made stale in %d operations", len(h.operations))
	} else if porcupine.CheckOperationsTimeout(model(), planted, checkTime) != porcupine.Illegal {
		s.Errorf("a planted stale read was not found: this check sees nothing")
	}
}

// plant makes one read answer what a swap that was acknowledged before the read began had replaced.
func plant(all []porcupine.Operation) ([]porcupine.Operation, bool) {
	for _, w := range all {
		in, out := w.Input.(input), w.Output.(output) //nolint:forcetypeassert // ours
		if in.op != "swap" || !out.done {
			continue
		}
		for i, r := range all {
			read := r.Input.(input)                                                                                      //nolint:forcetypeassert // ours
			if read.op == "read" && read.object == in.object && r.Call > w.Return && r.Output.(output).value != in.old { //nolint:forcetypeassert // ours
				planted := append([]porcupine.Operation(nil), all...)
				planted[i].Output = output{value: in.old}
				return planted, true
			}
		}
	}
	return nil, false
}
