package main

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

const fullApplications = 200 // and as many policies

// authorizeFull is authorize with what a data center in use has: applications that have policies of several rules each, tombstones of
// sign-ons that ended, and users with groups.
func authorizeFull(ctx context.Context, s *stage) error {
	dcs, err := s.layOut(ctx, "NYDC", 1)
	if err != nil {
		return err
	}
	creds, err := newCredentials(s.dir)
	if err != nil {
		return err
	}
	requests, err := s.prepare(ctx, dcs[0], declareFull, crowd{sessions: 200_000, cookies: 20_000, ended: 10_000})
	if err != nil {
		return err
	}
	parts, err := s.contest(ctx, dcs[0], transport{name: "tls", tls: true}, creds, requests, goals{name: "authorize-full", rate: goal{true, 0.80}, cpu: goal{false, 1.25}})
	if err != nil {
		return err
	}
	main := parts[0]
	main.Name = "authorize-full"
	s.report.add(main, parts...)
	return nil
}

// declareFull adds policies to what declare makes. The one of the application that is asked about lets in by the last of its rules.
func declareFull(ctx context.Context, a *admin) error {
	if err := errors.Join(declare(ctx, a), a.put(ctx, wire.Group{Name: "board"}, "groups", "board")); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for n := range fullApplications {
		g.Go(func() error { return declareApplication(ctx, a, n) })
	}
	return g.Wait()
}

func declareApplication(ctx context.Context, a *admin, n int) error {
	name, host := fmt.Sprintf("shop-%03d", n), fmt.Sprintf("shop-%03d.example.com", n)
	if n == 0 {
		name, host = "shop", appHost
	}
	policy := wire.AuthorizationPolicy{Name: "of-" + name}
	for other := range 8 {
		policy.Rules = append(policy.Rules, wire.Rule{Effect: "deny", Users: []string{fmt.Sprintf("nobody-%d", other), fmt.Sprintf("stranger-%d", other)}})
	}
	policy.Rules = append(policy.Rules, wire.Rule{Effect: "allow", Groups: []string{"board", "staff"}})
	return errors.Join(a.put(ctx, policy, "authorization-policies", policy.Name),
		a.put(ctx, wire.Application{Name: name, Hosts: []string{host}, Resources: map[string]wire.Resource{
			"pages":  {Paths: []string{"/**"}, AuthorizationPolicy: policy.Name},
			"orders": {Paths: []string{"/orders/**", "/orders/*/items"}, AuthorizationPolicy: policy.Name},
			"static": {Paths: []string{"/assets/**"}, Protection: "public"},
		}}, "applications", name))
}
