package main

import (
	"context"

	"github.com/concord-access/terraform-provider-concord/server/config"
)

const (
	fewSessions  = 1_000
	manySessions = 1_000_000
)

// authorizeSlope compares decisions for 1,000 cookies where there are a million sessions with those where there are no others.
func authorizeSlope(ctx context.Context, s *stage) error {
	dcs, err := s.layOut(ctx, "NY1,NY2", 2)
	if err != nil {
		return err
	}
	var targets [2]*target
	var requests [2][][]byte
	for i, size := range []int{manySessions, fewSessions} {
		if requests[i], err = s.prepare(ctx, dcs[i], declare, crowd{sessions: size, cookies: fewSessions}); err != nil {
			return err
		}
	}
	for i := range targets {
		if targets[i], err = s.warm(ctx, dcs[i], requests[i]); err != nil {
			return err
		}
		defer targets[i].close()
	}
	var slope []pair
	for n := range rounds {
		var rate [2]float64
		for turn := range 2 {
			i := (n + turn) % 2
			one, err := targets[i].random(ctx, requests[i], roundTime)
			if err != nil {
				return err
			}
			rate[i] = one.perSecond
		}
		slope = append(slope, pair{rate[0], rate[1]})
	}
	s.report.add(judge("authorize-sessions-slope", "requests/s", slope, goal{true, 0.95}))
	return nil
}

// warm starts a data center and asks it everything once, over TLS.
func (s *stage) warm(ctx context.Context, dc config.DevDataCenter, requests [][]byte) (*target, error) {
	p, a, err := s.server(ctx, dc, dc.ConfigFile)
	if err != nil {
		return nil, err
	}
	t, err := open(ctx, p, hostOf(dc.RuntimeURL), a.tls)
	if err != nil {
		return nil, err
	}
	if err := t.each(ctx, requests); err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}
