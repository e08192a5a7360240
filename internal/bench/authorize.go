package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/config"
)

const (
	authorizePath = "/session/v1/authorize"
	agentSecret   = "a secret of the bench alone"
	rounds        = 7
	roundTime     = 1500 * time.Millisecond
)

// goals are those of decisions beside a bare handler (docs/performance.md). name stands before each figure's.
type goals struct {
	name           string
	rate, cpu, p99 goal
}

func authorizeGoals() goals {
	return goals{"authorize", goal{true, 0.90}, goal{false, 1.10}, goal{false, 1.30}}
}

// authorize measures the decision for a random one of 20,000 agents' cookies of 200,000 sessions, on each transport.
func authorize(ctx context.Context, s *stage) error {
	dcs, err := s.layOut(ctx, "NYDC", 1)
	if err != nil {
		return err
	}
	creds, err := newCredentials(s.dir)
	if err != nil {
		return err
	}
	requests, err := s.prepare(ctx, dcs[0], declare, crowd{sessions: 200_000, cookies: 20_000})
	if err != nil {
		return err
	}
	var parts []figure
	var main figure
	for _, t := range []transport{{name: "tls", tls: true}, {name: "plain"}, {name: "mtls", tls: true, clientCA: creds.rootFile}} {
		figures, err := s.contest(ctx, dcs[0], t, creds, requests, authorizeGoals())
		if err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
		if t.name == "tls" {
			main = figures[0]
			main.Name = "authorize"
		}
		parts = append(parts, figures...)
	}
	s.report.add(main, parts...)
	return nil
}

// transport is how agents reach the runtime listener.
type transport struct {
	name     string
	tls      bool
	clientCA string // "" = no client certificate is asked for
}

// prepare fills the data center: what declare makes through its administrator, then sessions. It gives a request for each cookie.
func (s *stage) prepare(ctx context.Context, dc config.DevDataCenter, declare func(context.Context, *admin) error, c crowd) ([][]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, prepared)
	defer cancel()
	p, a, err := s.server(ctx, dc, dc.ConfigFile)
	if err != nil {
		return nil, err
	}
	if err := declare(ctx, a); err != nil {
		return nil, err
	}
	if err := p.stop(); err != nil {
		return nil, err
	}
	texts, err := populate(ctx, dc, c)
	if err != nil {
		return nil, err
	}
	return authorizeRequests(dc, texts)
}

func authorizeRequests(dc config.DevDataCenter, cookies []string) (out [][]byte, err error) {
	out = make([][]byte, len(cookies))
	for i, c := range cookies {
		if out[i], err = authorizeRequest(hostOf(dc.RuntimeURL), c); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// declare makes an agent, users and an application without a policy.
func declare(ctx context.Context, a *admin) error {
	err := errors.Join(
		a.put(ctx, wire.Agent{Name: agentID, Hosts: []string{"https://" + appHost}, Secret: agentSecret}, "agents", agentID),
		a.put(ctx, wire.Group{Name: "staff"}, "groups", "staff"),
		a.put(ctx, wire.Application{Name: "shop", Hosts: []string{appHost}, Resources: map[string]wire.Resource{"pages": {Paths: []string{"/**"}}}}, "applications", "shop"))
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(32)
	for i := range users {
		g.Go(func() error {
			return a.put(ctx, wire.User{Name: userName(i), Groups: []string{"staff"}}, "users", userName(i))
		})
	}
	return g.Wait()
}

// authorizeRequest is what the gate sends for a page: the same body, the same headers.
func authorizeRequest(host, cookie string) ([]byte, error) {
	body, err := json.Marshal(wire.AuthorizeRequest{Method: "GET", Scheme: "https", Host: appHost, Target: "/orders/4711?view=short",
		ClientAddress: "192.0.2.77", Cookie: cookie, Navigation: true})
	if err != nil {
		return nil, fmt.Errorf("encode request: %w", err)
	}
	r, err := http.NewRequest(http.MethodPost, "https://"+host+authorizePath, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	r.SetBasicAuth(agentID, agentSecret)
	r.Header.Set("Accept", "application/json, "+wire.ProblemType)
	r.Header.Set("User-Agent", "concord-gate")
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(wire.HeaderRequestID, "V5TQZ2M7QAHS4J6XOJTWGE3KPA")
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		return nil, fmt.Errorf("write request: %w", err)
	}
	return b.Bytes(), nil
}

// contest measures ours and the floor in turns on one transport: requests a second, processor time, the 99th percentile.
func (s *stage) contest(ctx context.Context, dc config.DevDataCenter, t transport, creds *credentials, requests [][]byte, g goals) ([]figure, error) {
	ours, a, err := s.ours(ctx, dc, t)
	if err != nil {
		return nil, err
	}
	defer ours.stop() //nolint:errcheck // stopAll reports nothing either
	header, body, err := s.example(ctx, a, t, creds, dc, requests[0])
	if err != nil {
		return nil, err
	}
	floor, address, err := s.floor(ctx, "floor-"+t.name, floorOrder{TLS: t.tls, CertFile: creds.certFile, KeyFile: creds.keyFile, ClientCA: t.clientCA, Header: header, Body: body})
	if err != nil {
		return nil, err
	}
	defer floor.stop() //nolint:errcheck // the same
	us, err := open(ctx, ours, hostOf(dc.RuntimeURL), t.client(a.tls, creds))
	if err != nil {
		return nil, err
	}
	defer us.close()
	them, err := open(ctx, floor, address, t.client(&tls.Config{RootCAs: creds.pool, MinVersion: tls.VersionTLS12}, creds))
	if err != nil {
		return nil, err
	}
	defer them.close()
	if err := errors.Join(us.each(ctx, requests), them.each(ctx, requests)); err != nil {
		return nil, err
	}
	ours.profileFromNow()
	return inTurns(ctx, g, t.name, us, them, requests)
}

// ours starts the data center with the runtime listener as t says.
func (s *stage) ours(ctx context.Context, dc config.DevDataCenter, t transport) (*process, *admin, error) {
	n, err := config.Load(dc.ConfigFile)
	if err != nil {
		return nil, nil, err
	}
	n.Runtime.TLS = config.TLS{Disabled: !t.tls, ClientCAFile: t.clientCA}
	file := filepath.Join(s.dir, t.name+".hcl")
	if err := config.WriteNode(file, n); err != nil {
		return nil, nil, err
	}
	return s.server(ctx, dc, file)
}

// client gives the TLS of a caller; nil = plain.
func (t transport) client(trusted *tls.Config, creds *credentials) *tls.Config {
	if !t.tls {
		return nil
	}
	cfg := trusted.Clone()
	if t.clientCA != "" {
		cfg.Certificates = []tls.Certificate{creds.leaf}
	}
	return cfg
}

// example gets one real answer, byte for byte what the floor will say.
func (s *stage) example(ctx context.Context, a *admin, t transport, creds *credentials, dc config.DevDataCenter, request []byte) (http.Header, []byte, error) {
	c, err := connect(ctx, hostOf(dc.RuntimeURL), t.client(a.tls, creds), 30*time.Second)
	if err != nil {
		return nil, nil, err
	}
	defer c.close()
	if _, err := c.net.Write(request); err != nil {
		return nil, nil, fmt.Errorf("ask for an example: %w", err)
	}
	res, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("read example: %w", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err == nil {
		err = expect(res.StatusCode, body)
	}
	res.Header.Del("Date")
	res.Header.Del("Content-Length")
	return res.Header, body, err
}

func inTurns(ctx context.Context, g goals, transport string, us, them *target, requests [][]byte) ([]figure, error) {
	rate, cpu, p99, err := turns(ctx, us, them, requests)
	if err != nil {
		return nil, err
	}
	name := g.name + "/" + transport
	figures := []figure{judge(name+"-rate", "requests/s", rate, g.rate), judge(name+"-cpu", "us/request", cpu, g.cpu)}
	if g.p99 != (goal{}) {
		figures = append(figures, judge(name+"-p99", "us", p99, g.p99))
	}
	return figures, nil
}

// turns asks both by turns for some rounds: requests a second, processor time, the 99th percentile.
func turns(ctx context.Context, us, them *target, requests [][]byte) (rate, cpu, p99 []pair, err error) {
	for i := range rounds {
		order := []*target{us, them}
		if i%2 == 1 { // neither always has the machine as the other leaves it
			order[0], order[1] = them, us
		}
		got := map[*target]sample{}
		for _, t := range order {
			one, err := t.random(ctx, requests, roundTime)
			if err != nil {
				return nil, nil, nil, err
			}
			got[t] = one
		}
		o, f := got[us], got[them]
		rate, cpu, p99 = append(rate, pair{o.perSecond, f.perSecond}), append(cpu, pair{o.cpu, f.cpu}), append(p99, pair{o.p99, f.p99})
	}
	return rate, cpu, p99, nil
}
