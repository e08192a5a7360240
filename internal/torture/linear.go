package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
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
	for range s.runs {
		h := &history{s: s, began: time.Now(), all: dcs}
		for i := range linearObjects { // each run begins with nothing
			_, _ = h.master(s.Context()).Do(client.Request{Method: http.MethodDelete, Path: fmt.Sprintf("/v1/groups/o%d", i)})
		}
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

// input is what a client wanted of one object.
type input struct {
	object string
	op     string // read, create, swap, delete
	old    string // swap and delete: the value that it must have
	value  string // create and swap
}

// output is what it was told.
type output struct {
	value   string // read: "" = absent
	done    bool   // the write was accepted; false: its precondition did not hold
	unknown bool   // no answer: it happened at any time from then on, or never
}

// model is one object: its value, "" = absent.
func model() porcupine.Model {
	return porcupine.Model{
		Partition: func(all []porcupine.Operation) [][]porcupine.Operation {
			by := map[string][]porcupine.Operation{}
			for _, o := range all {
				object := o.Input.(input).object //nolint:forcetypeassert // ours
				by[object] = append(by[object], o)
			}
			var out [][]porcupine.Operation
			for _, part := range by {
				out = append(out, part)
			}
			return out
		},
		Init: func() any { return "" },
		Step: func(state, in, out any) (bool, any) { return step(state.(string), in.(input), out.(output)) }, //nolint:forcetypeassert // ours
	}
}

func step(value string, in input, out output) (bool, string) {
	if in.op == "read" {
		return out.value == value, value
	}
	holds := value == "" && in.op == "create" || value != "" && value == in.old && in.op != "create"
	if out.unknown {
		if holds {
			return true, in.value
		}
		return true, value
	}
	if out.done != holds {
		return false, value
	}
	if holds {
		return true, in.value // "" of a delete
	}
	return true, value
}

// history is what all clients saw.
type history struct {
	s     *stage
	began time.Time
	all   []*testkit.DataCenter
	turn  atomic.Int64

	mu         sync.Mutex // guards operations
	operations []porcupine.Operation
}

// master guesses who is the master; the caller finds out.
func (h *history) master(context.Context) *testkit.DataCenter {
	return h.all[int(h.turn.Load())%len(h.all)]
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

// tag is a value with the ETag that it was seen with.
type tag struct{ value, etag string }

type linearClient struct {
	h     *history
	id    int
	n     int
	apis  []*client.Client
	known map[string]tag // by object
}

func (c *linearClient) run(ctx context.Context) {
	for ; ctx.Err() == nil; c.n++ {
		object := fmt.Sprintf("o%d", rand.IntN(linearObjects))
		k, seen := c.known[object]
		in := input{object: object, op: "read"}
		switch r := rand.IntN(10); {
		case r < 3 || !seen:
		case k.value == "":
			in.op, in.value = "create", fmt.Sprintf("c%d-%d", c.id, c.n)
		case r < 8:
			in.op, in.old, in.value = "swap", k.value, fmt.Sprintf("c%d-%d", c.id, c.n)
		default:
			in.op, in.old = "delete", k.value
		}
		c.ask(in, k)
	}
}

// ask does one operation and enters it, unless it certainly had no effect and told nothing.
func (c *linearClient) ask(in input, k tag) {
	turn := c.h.turn.Load()
	api := c.apis[int(turn)%len(c.apis)]
	call := time.Since(c.h.began).Nanoseconds()
	out, etag, err := c.send(api, in, k)
	end := time.Since(c.h.began).Nanoseconds()
	if err != nil {
		delete(c.known, in.object)
		c.h.turn.CompareAndSwap(turn, turn+1) // perhaps the other one is the master
		if in.op == "read" || harmless(err) {
			return
		}
		out, end = output{unknown: true}, math.MaxInt64
	}
	switch {
	case out.unknown || in.op != "read" && !out.done:
		delete(c.known, in.object)
	case in.op == "read":
		c.known[in.object] = tag{out.value, etag}
	default:
		c.known[in.object] = tag{in.value, etag}
	}
	c.h.mu.Lock()
	defer c.h.mu.Unlock()
	c.h.operations = append(c.h.operations, porcupine.Operation{ClientId: c.id, Input: in, Output: out, Call: call, Return: end})
}

// harmless knows errors after which a write certainly was not done: a door that is closed, or a refusal.
func harmless(err error) bool {
	if unsent(err) {
		return true
	}
	switch fault.CodeOf(err) {
	case "not_master", "fenced", "contended", "storage_full", "not_ready":
		return true
	}
	return false
}

func (c *linearClient) send(api *client.Client, in input, k tag) (out output, etag string, err error) {
	const patience = 4 * time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.h.s.Context()), 2*patience)
	defer cancel()
	path := client.Path("v1", "groups", in.object)
	if in.op == "read" {
		return c.read(ctx, api, path)
	}
	r := client.Request{Method: http.MethodPut, Path: path, In: wire.Group{Name: in.object, Description: in.value}, IfMatch: k.etag, Timeout: patience}
	if in.op == "create" {
		r.IfMatch, r.IfNoneMatch = "", true
	}
	if in.op == "delete" {
		r.Method, r.In = http.MethodDelete, nil
	}
	res, err := api.Do(ctx, r)
	switch {
	case err == nil:
		return output{done: true}, res.ETag, nil
	case fault.Is(err, fault.Precondition), fault.Is(err, fault.NotFound):
		return output{}, "", nil
	}
	return output{}, "", err
}

// read counts only at a master: one that says, before and after, that it is the master of the same epoch. What a clone
// answers may be old, and is meant to be.
func (c *linearClient) read(ctx context.Context, api *client.Client, path string) (out output, etag string, err error) {
	var before, after wire.DataCenterView
	if _, err := api.Do(ctx, client.Request{Method: http.MethodGet, Path: "/v1/data-center", Out: &before, Timeout: time.Second}); err != nil {
		return out, "", err
	}
	var g wire.GroupView
	res, err := api.Do(ctx, client.Request{Method: http.MethodGet, Path: path, Out: &g, Timeout: time.Second})
	if err != nil && !fault.Is(err, fault.NotFound) {
		return out, "", err
	}
	if _, err := api.Do(ctx, client.Request{Method: http.MethodGet, Path: "/v1/data-center", Out: &after, Timeout: time.Second}); err != nil {
		return out, "", err
	}
	if before.Role != "master" || after.Role != "master" || before.Epoch != after.Epoch {
		return out, "", fmt.Errorf("read at a %s", after.Role)
	}
	return output{value: g.Description}, res.ETag, nil
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
