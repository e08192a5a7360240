package main

import (
	"context"
	"fmt"

	"github.com/concord-access/terraform-provider-concord/server/config"
)

// authorizeEtcd measures the decision for a random one of 20,000 agents' cookies at a node on three members of etcd, in turns with a node on
// Badger that has the same sessions.
func authorizeEtcd(ctx context.Context, s *stage, e *config.Etcd) error {
	dcs, err := s.layOut(ctx, "NYDC,LDC", 2)
	if err != nil {
		return err
	}
	requests, err := s.prepare(ctx, dcs[0], declare, crowd{sessions: 20_000, cookies: 20_000})
	if err != nil {
		return err
	}
	onEtcd, err := s.moved(ctx, dcs[0], dcs[1], e)
	if err != nil {
		return err
	}
	var both [2]*target
	for i, dc := range []config.DevDataCenter{onEtcd, dcs[0]} {
		p, a, err := s.server(ctx, dc, dc.ConfigFile)
		if err != nil {
			return err
		}
		if both[i], err = open(ctx, p, hostOf(dc.RuntimeURL), a.tls); err != nil {
			return err
		}
		defer both[i].close()
		if err := both[i].each(ctx, requests); err != nil {
			return fmt.Errorf("%s: %w", dc.ConfigFile, err)
		}
	}
	rate, cpu, p99, err := turns(ctx, both[0], both[1], requests)
	if err != nil {
		return err
	}
	s.report.add(judge("authorize-etcd", "requests/s", rate, goal{true, 0.9}))
	s.report.note(judge("authorize-etcd/cpu", "us/request", cpu, goal{}))
	s.report.note(judge("authorize-etcd/p99", "us", p99, goal{}))
	return nil
}
