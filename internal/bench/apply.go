package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

const (
	applyUsers       = 1000
	applyRounds      = 2 // one takes most of a minute, nearly all of which is Terraform's
	collectionRounds = 5
)

// apply1000 measures Terraform with a resource for each of a thousand users: the apply that makes them, and the plan that finds nothing
// to do, beside a provider that does nothing.
func apply1000(ctx context.Context, s *stage) error {
	return s.applies(ctx, "apply-1000", applyRounds, goal{false, 1.05}, func(provider string) string {
		return fmt.Sprintf("resource %q \"x\" {\n  count = %d\n  name = format(\"u%%04d\", count.index)\n  display_name = \"User ${count.index}\"\n  email = \"u${count.index}@example.com\"\n  attributes = { room = count.index }\n}\n",
			provider+"_user", applyUsers)
	})
}

// applyCollection1000 measures the same with one resource of a thousand users.
func applyCollection1000(ctx context.Context, s *stage) error {
	return s.applies(ctx, "apply-collection-1000", collectionRounds, goal{false, 2}, func(provider string) string {
		return fmt.Sprintf("resource %q \"x\" {\n  users = { for i in range(%d) : format(\"u%%04d\", i) => { display_name = \"User ${i}\", email = \"u${i}@example.com\", attributes = { room = i } } }\n}\n",
			provider+"_user_collection", applyUsers)
	})
}

// applies runs a configuration for both providers in turns.
func (s *stage) applies(ctx context.Context, name string, rounds int, g goal, config func(provider string) string) error {
	dcs, err := s.layOut(ctx, "NYDC", 1)
	if err != nil {
		return err
	}
	server, a, err := s.server(ctx, dcs[0], dcs[0].ConfigFile)
	if err != nil {
		return err
	}
	ours, err := s.terraform(ctx, "concord", config("concord"), a)
	if err != nil {
		return err
	}
	floor, err := s.terraform(ctx, "idle", config("idle"), a)
	if err != nil {
		return err
	}
	var applied, planned, cpu, planCPU, serverCPU []pair
	for range rounds {
		before, err := server.cpu()
		if err != nil {
			return err
		}
		mine, err := ours.round(ctx)
		if err != nil {
			return err
		}
		after, err := server.cpu()
		if err != nil {
			return err
		}
		if err := a.forgetUsers(ctx); err != nil {
			return err
		}
		other, err := floor.round(ctx)
		if err != nil {
			return err
		}
		applied, planned = append(applied, pair{mine.apply, other.apply}), append(planned, pair{mine.plan, other.plan})
		cpu, planCPU = append(cpu, pair{mine.applyCPU, other.applyCPU}), append(planCPU, pair{mine.planCPU, other.planCPU})
		serverCPU = append(serverCPU, pair{(after - before).Seconds(), mine.applyCPU + mine.planCPU})
	}
	s.report.add(judge(name, "ms", applied, g), judge(name+"/plan", "ms", planned, g))
	s.report.note(judge(name+"/cpu", "s", cpu, goal{}))
	s.report.note(judge(name+"/plan-cpu", "s", planCPU, goal{}))
	s.report.note(judge(name+"/server-cpu", "s", serverCPU, goal{}))
	return nil
}

// applied is one round: milliseconds, and seconds of processor time of Terraform and its provider.
type applied struct{ apply, plan, applyCPU, planCPU float64 }

// round applies to nothing and plans after that.
func (t *terraform) round(ctx context.Context) (r applied, err error) {
	if err := t.forget(); err != nil {
		return r, err
	}
	begin := time.Now()
	if r.applyCPU, err = t.run(ctx, "apply", "-auto-approve", "-parallelism=10"); err != nil {
		return r, err
	}
	r.apply = milliseconds(time.Since(begin))
	begin = time.Now()
	if r.planCPU, err = t.run(ctx, "plan", "-parallelism=10", "-detailed-exitcode"); err != nil { // with changes it is no success
		return r, err
	}
	r.plan = milliseconds(time.Since(begin))
	return r, nil
}

// forgetUsers deletes every user that a round has made.
func (a *admin) forgetUsers(ctx context.Context) error {
	var b wire.Batch
	for n := range applyUsers {
		b.Operations = append(b.Operations, wire.BatchOperation{Method: http.MethodDelete, Kind: "user", Name: fmt.Sprintf("u%04d", n)})
	}
	_, err := a.client.Do(ctx, client.Request{Method: http.MethodPost, Path: "/v1/batch", In: b, Out: &json.RawMessage{}})
	if err != nil {
		return fmt.Errorf("delete the users of a round: %w", err)
	}
	return nil
}
