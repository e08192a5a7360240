package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/config"
)

const (
	nodeCount    = 3
	watchRounds  = 5
	watchChanges = 20 // a round, of each sort
	watchLimit   = 10 * time.Second
	watchGoal    = 50 // milliseconds at the median
)

// nodes measures several nodes of one data center on three members of etcd: how long after its acknowledgement by one node a change
// decides at another, and the decisions a second of one, two and three.
func nodes(ctx context.Context, s *stage, e *config.Etcd) error {
	dcs, err := s.layOut(ctx, names("NYDC", nodeCount), 1+nodeCount)
	if err != nil {
		return err
	}
	requests, err := s.prepare(ctx, dcs[0], declare, crowd{sessions: 5_000, cookies: 5_000})
	if err != nil {
		return err
	}
	c := &several{requests: requests}
	first, err := s.moved(ctx, dcs[0], dcs[1], e)
	if err != nil {
		return err
	}
	for i := range nodeCount {
		dc := first
		if i > 0 {
			if dc, err = s.another(first, dcs[1+i], e, fmt.Sprint("nydc", i+1)); err != nil {
				return err
			}
		}
		if err := c.add(ctx, s, dc); err != nil {
			return err
		}
	}
	defer c.close()
	if err := c.watch(ctx, s); err != nil {
		return err
	}
	return c.throughput(ctx, s)
}

// several are the nodes that run.
type several struct {
	requests [][]byte
	admins   []*admin
	targets  []*target
}

// add starts one more, with connections of all callers to it.
func (c *several) add(ctx context.Context, s *stage, dc config.DevDataCenter) error {
	p, a, err := s.server(ctx, dc, dc.ConfigFile)
	if err != nil {
		return err
	}
	t, err := open(ctx, p, hostOf(dc.RuntimeURL), a.tls)
	if err != nil {
		return err
	}
	c.admins, c.targets = append(c.admins, a), append(c.targets, t)
	return t.each(ctx, c.requests)
}

func (c *several) close() {
	for _, t := range c.targets {
		t.close()
	}
}

// watch changes at the first node and looks at the second one, over one connection without a pause, until that decides accordingly.
func (c *several) watch(ctx context.Context, s *stage) error {
	var changes, ends []pair
	next := 0
	for range watchRounds {
		var change, end []float64
		for i := range 2 * watchChanges {
			took, err := c.change(ctx, i%2 == 0)
			if err != nil {
				return fmt.Errorf("a change: %w", err)
			}
			change = append(change, milliseconds(took))
		}
		for range watchChanges {
			took, err := c.end(ctx, c.requests[next])
			if err != nil {
				return fmt.Errorf("a sign-out: %w", err)
			}
			end, next = append(end, milliseconds(took)), next+1
		}
		changes, ends = append(changes, pair{quantile(change, 0.5), watchGoal}), append(ends, pair{quantile(end, 0.5), watchGoal})
	}
	c.requests = c.requests[next:]
	s.report.add(judge("nodes-watch", "ms", changes, goal{false, 1}), judge("nodes-watch/sign-out", "ms", ends, goal{false, 1}))
	return nil
}

// change takes the application's pages away, or gives them back.
func (c *several) change(ctx context.Context, away bool) (time.Duration, error) {
	path := "/**"
	if away {
		path = "/elsewhere/**"
	}
	in := wire.Application{Name: "shop", Hosts: []string{appHost}, Resources: map[string]wire.Resource{"pages": {Paths: []string{path}}}}
	if err := c.admins[0].put(ctx, in, "applications", "shop"); err != nil {
		return 0, err
	}
	return c.decides(ctx, c.requests[len(c.requests)-1], !away)
}

// end signs out whoever a request is of.
func (c *several) end(ctx context.Context, request []byte) (time.Duration, error) {
	_, body, _ := bytes.Cut(request, []byte("\r\n\r\n"))
	var in wire.AuthorizeRequest
	if err := json.Unmarshal(body, &in); err != nil {
		return 0, fmt.Errorf("read request: %w", err)
	}
	a := c.admins[0]
	agent, err := client.New(client.Config{Endpoint: a.center.RuntimeURL, Username: agentID, Password: agentSecret, TLS: a.tls, MaxRetries: -1})
	if err != nil {
		return 0, err
	}
	defer agent.Close()
	if _, err := agent.Do(ctx, client.Request{Method: http.MethodPost, Path: "/session/v1/logout", In: wire.LogoutRequest{Cookie: in.Cookie}}); err != nil {
		return 0, err
	}
	return c.decides(ctx, request, false)
}

// decides waits until the second node allows a request, or does not.
func (c *several) decides(ctx context.Context, request []byte, allow bool) (time.Duration, error) {
	at := c.targets[1].conns[0]
	for begin := time.Now(); ctx.Err() == nil; {
		status, err := at.exchange(request)
		switch took := time.Since(begin); {
		case err != nil:
			return 0, err
		case (expect(status, at.body) == nil) == allow:
			return took, nil
		case took > watchLimit:
			return 0, errors.New("the other node does not decide by it")
		}
	}
	return 0, ctx.Err()
}

// throughput asks one, two and three nodes, the same number of callers spread over them.
func (c *several) throughput(ctx context.Context, s *stage) error {
	by := make([][]pair, nodeCount)
	for range rounds {
		one := 0.0
		for n := range nodeCount {
			some := &target{process: c.targets[0].process}
			for i := range callers {
				some.conns = append(some.conns, c.targets[i%(n+1)].conns[i])
			}
			got, err := some.random(ctx, c.requests, roundTime)
			if err != nil {
				return err
			}
			if n == 0 {
				one = got.perSecond
			}
			by[n] = append(by[n], pair{got.perSecond, one})
		}
	}
	for n, rounds := range by {
		s.report.note(judge(fmt.Sprint("nodes-throughput/", n+1), "requests/s", rounds, goal{}))
	}
	return nil
}
