package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/config"
)

const (
	adoptRounds    = 7
	adoptions      = 60 // a round
	adoptWarm      = 20
	adoptFar       = 10 // a round, over the line with a delay
	adoptFarRounds = 5
)

// adopt measures the first request about a session in another data center than the one that it was made in, which has to ask for it, beside
// one request over a warm mutual TLS connection. Over a line with a delay it may cross once, there and back.
func adopt(ctx context.Context, s *stage) error {
	p, err := s.pairOfCenters(ctx)
	if err != nil {
		return err
	}
	defer p.close()
	f, err := s.hopAndSync(ctx)
	if err != nil {
		return err
	}
	defer f.close()
	if _, err := p.first(adoptWarm, func() error { return nil }); err != nil {
		return err
	}
	near, err := p.rounds(adoptRounds, adoptions, f, 0)
	if err != nil {
		return err
	}
	far, err := newRelay(ctx, f.address, lineDelay)
	if err != nil {
		return err
	}
	defer far.close()
	far.release()
	if f.conn, err = f.reconnect(ctx, far.address()); err != nil {
		return err
	}
	if err := p.goFar(ctx); err != nil {
		return err
	}
	joined := p.far.joined.Load()
	distant, err := p.rounds(adoptFarRounds, adoptFar, f, lineMargin)
	if err != nil {
		return err
	}
	opened := float64(p.far.joined.Load() - joined)
	s.report.note(judge("adopt/connections", "connections", []pair{{opened, adoptFarRounds * adoptFar}}, goal{}))
	s.report.add(judge("adopt", "ms", near, goal{false, 4}), judge("adopt/one-round-trip", "ms", distant, goal{false, 1}))
	return nil
}

// pairOfCenters is a data center where people signed in and another one, where they come first with their agents' cookies.
type pairOfCenters struct {
	home, other *admin
	far         *relay // the line with a delay from the other to the home
	asks        *connection
	requests    [][]byte
}

func (s *stage) pairOfCenters(ctx context.Context) (p *pairOfCenters, err error) {
	dcs, err := s.layOut(ctx, "NYDC,LDC", 2)
	if err != nil {
		return nil, err
	}
	p = &pairOfCenters{}
	home, a, err := s.server(ctx, dcs[0], dcs[0].ConfigFile)
	if err != nil {
		return nil, err
	}
	p.home = a
	if _, p.other, err = s.server(ctx, dcs[1], dcs[1].ConfigFile); err != nil {
		return nil, err
	}
	if p.far, err = newRelay(ctx, hostOf(dcs[0].PeerURL), lineDelay); err != nil {
		return nil, err
	}
	p.far.release()
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	err = errors.Join(declare(ctx, p.home), introduce(ctx, p.home, "master"), join(ctx, p.home, p.other, hostOf(dcs[0].PeerURL)))
	if err == nil {
		err = follow(ctx, p.home, p.other)
	}
	if err == nil {
		err = home.stop()
	}
	if err != nil {
		return nil, err
	}
	return p, p.populate(ctx, s, dcs)
}

func (p *pairOfCenters) populate(ctx context.Context, s *stage, dcs []config.DevDataCenter) error {
	count := adoptWarm + adoptRounds*adoptions + adoptWarm + adoptFarRounds*adoptFar
	cookies, err := populate(ctx, dcs[0], crowd{sessions: count, cookies: count})
	if err != nil {
		return err
	}
	if p.requests, err = authorizeRequests(dcs[1], cookies); err != nil {
		return err
	}
	if _, _, err := s.server(ctx, dcs[0], dcs[0].ConfigFile); err != nil {
		return err
	}
	p.asks, err = connect(ctx, hostOf(dcs[1].RuntimeURL), p.other.tls, 5*time.Minute)
	return err
}

// goFar leads the other data center over the line with the delay.
func (p *pairOfCenters) goFar(ctx context.Context) error {
	if err := acquaint(ctx, p.other, p.home, p.far.address()); err != nil {
		return err
	}
	_, err := p.first(adoptWarm, func() error { return nil })
	return err
}

// rounds gives the medians of rounds of first requests beside as many hops; margin is added to these.
func (p *pairOfCenters) rounds(count, each int, f *hopAndSync, margin time.Duration) (out []pair, err error) {
	for range count {
		var hops []float64
		ours, err := p.first(each, func() error {
			begin := time.Now()
			err := f.hop()
			hops = append(hops, milliseconds(time.Since(begin)))
			return err
		})
		if err != nil {
			return nil, err
		}
		out = append(out, pair{quantile(ours, 0.5), quantile(hops, 0.5) + milliseconds(margin)})
	}
	return out, nil
}

// first makes the next so many first requests, each followed by what is measured beside it. It gives their times in milliseconds.
func (p *pairOfCenters) first(count int, beside func() error) (times []float64, err error) {
	for _, request := range p.requests[:count] {
		begin := time.Now()
		status, err := p.asks.exchange(request)
		times = append(times, milliseconds(time.Since(begin)))
		if err == nil {
			err = expect(status, p.asks.body)
		}
		if err != nil {
			return nil, fmt.Errorf("first request: %w", err)
		}
		if err := beside(); err != nil {
			return nil, err
		}
	}
	p.requests = p.requests[count:]
	return times, nil
}

func (p *pairOfCenters) close() {
	p.far.close()
	if p.asks != nil {
		p.asks.close()
	}
}
