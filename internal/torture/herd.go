package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

const (
	herdMost  = 500
	herdShare = 10 // agents that share a registration
	herdBound = 10 * time.Second
)

// herd kills a master on which a hundred agents for each run, up to 500, each with a connection of its own, and up to three clones lean, and starts it
// again: all are back in ten seconds, and who was served once is not refused again (FLT-28). Ten agents each share a registration, as those of
// one application do: the master has forgotten which secrets are right.
func herd(s *stage) {
	all := testkit.StartProcesses(s, s.program(), []string{"NYDC", "LDC", "PARIS", "SFO"}[:1+min(3, s.runs)]...)
	var dcs []*testkit.DataCenter
	for _, p := range all {
		dcs = append(dcs, &p.DataCenter)
	}
	testkit.Link(dcs[0], dcs[1:]...)
	h := &agents{s: s, at: dcs[0], size: min(herdMost, 100*s.runs)}
	for i := range h.size / herdShare {
		h.desks = append(h.desks, dcs[0].Application(fmt.Sprintf("desk%d", i), fmt.Sprintf("https://desk%d.example", i)))
	}
	testkit.InStep(dcs...)
	stop := h.begin()
	defer stop()
	h.all("are served")
	var slowest time.Duration
	for range s.runs {
		all[0].Kill()
		h.back.Store(0)
		h.round.Add(1)
		all[0].Launch()
		all[0].Within(testkit.Limit, "it listens", all[0].Listens)
		listens := time.Now()
		h.all("are served again")
		took := time.Since(listens)
		if slowest = max(slowest, took); took > herdBound {
			s.broke("the last of %d agents was served %s after the master listened", h.size, took)
		}
		testkit.InStep(dcs...)
	}
	stop()
	s.figures = append(s.figures, fmt.Sprintf("%d agents with %d secrets, %d clones: all served %s after the master listened at most; %d refusals before an agent was served", h.size, len(h.desks), len(dcs)-1,
		slowest.Round(time.Millisecond), h.early.Load()))
	if n := h.refused.Load(); n > 0 {
		s.broke("%d requests were refused after their agent had been served again, the first with %v", n, *h.first.Load())
	}
}

// agents ask a master all the time.
type agents struct {
	s       *stage
	at      *testkit.DataCenter
	desks   []testkit.Application
	size    int
	round   atomic.Int64 // raised by each kill
	back    atomic.Int64 // agents that were served in this round
	refused atomic.Int64
	early   atomic.Int64 // refusals of agents that were not served yet in this round
	first   atomic.Pointer[error]
}

func (h *agents) begin() (stop func()) {
	ctx, cancel := context.WithCancel(h.s.Context())
	var group sync.WaitGroup
	for i := range h.size {
		desk := h.desks[i%len(h.desks)]
		api := h.at.Agent(desk.Agent, desk.Secret)
		group.Go(func() { h.run(ctx, api, strings.TrimPrefix(desk.Origin, "https://")) })
	}
	return sync.OnceFunc(func() { cancel(); group.Wait() })
}

func (h *agents) run(ctx context.Context, api *client.Client, host string) {
	served := int64(-1)
	for ctx.Err() == nil {
		round := h.round.Load()
		_, err := api.Do(ctx, client.Request{Method: http.MethodPost, Path: "/session/v1/authorize", Timeout: herdBound,
			In: wire.AuthorizeRequest{Method: http.MethodGet, Scheme: "https", Host: host, Target: "/", Navigation: true}})
		refusal, said := errors.AsType[*client.APIError](err)
		switch {
		case ctx.Err() != nil || round != h.round.Load(): // it was killed meanwhile
		case err == nil && served != round:
			served = round
			h.back.Add(1)
		case said && refusal.Status >= http.StatusInternalServerError && served == round:
			h.first.CompareAndSwap(nil, &err)
			h.refused.Add(1)
		case said && refusal.Status >= http.StatusInternalServerError:
			h.early.Add(1)
		}
		h.s.let(between(100*time.Millisecond, 300*time.Millisecond)) // about as agents do
	}
}

func (h *agents) all(what string) {
	h.s.Helper()
	h.at.Within(3*testkit.Limit, "all agents "+what, func() bool { return h.back.Load() == int64(h.size) })
}
