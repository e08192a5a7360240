package agent

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

const (
	registrationPath = "/session/v1/agent"

	lookEvery = time.Second // how often servers that failed are looked at
)

// follow keeps the list of servers: it asks for the registration at the start, when a server is back and every Config.Refresh, and
// tries servers that failed, until ctx ends.
func (a *Agent) follow(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var warned string
	for next := time.Duration(0); ; {
		if next <= 0 {
			warned = a.refresh(ctx, warned)
			next = a.cfg.Refresh - time.Duration(rand.Int64N(int64(a.cfg.Refresh/10)+1)) // agents that started together ask apart
		}
		select {
		case <-ctx.Done():
			return nil
		case <-a.servers.back:
			next = 0
		case <-tick.C:
			next -= lookEvery
			a.servers.tryResting(ctx)
		}
	}
}

// refresh takes over how the agent is registered. What is wrong with it is said once, until it changes.
func (a *Agent) refresh(ctx context.Context, warned string) string {
	r, err := a.servers.registration(ctx)
	if err == nil {
		if life, err := time.ParseDuration(r.CacheLifetime); err == nil {
			a.signOns.setLimit(life)
		}
		err = a.servers.adopt(ctx, r)
	}
	if ctx.Err() != nil || err == nil || errors.Is(err, errNoServer) { // that nobody answers is said where it hurts
		return ""
	}
	list := strings.Join(append(append([]string{}, r.Primary...), r.Secondary...), " ")
	if list == "" {
		list = err.Error()
	}
	if list != warned {
		a.cfg.Logger.Warn("the servers that the agent is registered with are not used; the former ones stay", "error", err)
	}
	return list
}

// registration asks the servers of the agent's own data center, since another may have an override of its own.
func (l *servers) registration(ctx context.Context) (wire.AgentRegistration, error) {
	for _, s := range l.everyone() {
		if resting, _ := s.resting(l.clock.Now()); resting || s.cluster != l.cfg.ClusterID {
			continue
		}
		r, answered, err := l.register(ctx, s)
		switch {
		case answered && fault.Is(err, fault.NotFound): // a server of before there were registrations
			return wire.AgentRegistration{}, errNoServer
		case answered:
			return r, err
		}
	}
	return wire.AgentRegistration{}, errNoServer
}

// register puts the question for the registration to one server.
func (l *servers) register(ctx context.Context, s *server) (wire.AgentRegistration, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Timeout)
	defer cancel()
	return attempt[wire.AgentRegistration](ctx, l, s, question{method: http.MethodGet, path: registrationPath}, nil)
}

// tryResting asks servers whose back-off is over, so that a person need not be the one who finds out.
func (l *servers) tryResting(ctx context.Context) {
	for _, s := range l.everyone() {
		if _, due := s.resting(l.clock.Now()); due && s.enter(l.clock.Now(), true) {
			_, _, _ = l.register(ctx, s) // what came of it is noted at s
		}
	}
}

// adopt makes a registered list the one in use, if it is right and somebody on it answers; without one the file's is in use.
func (l *servers) adopt(ctx context.Context, r wire.AgentRegistration) error {
	if len(r.Primary) == 0 {
		l.use(l.file)
		return nil
	}
	var lists [2][]Server
	for i, texts := range [][]string{r.Primary, r.Secondary} {
		for _, text := range texts {
			s, err := mdc.ParseAgentServer(text)
			if err != nil {
				return err
			}
			lists[i] = append(lists[i], Server{Node: s.Node, URL: strings.TrimSuffix(s.URL, "/"), ClusterID: s.ClusterID})
		}
	}
	if faults := serverFaults(lists[0], lists[1]); len(faults) > 0 {
		return fmt.Errorf("%s %s", faults[0].Pointer, faults[0].Detail)
	}
	list, err := l.make(lists[0], lists[1])
	if err != nil || list.same(l.now.Load()) {
		return err
	}
	if err := l.reachable(ctx, list); err != nil {
		for _, s := range list.everyone() {
			if !slices.Contains(l.everyone(), s) {
				s.client.Close()
			}
		}
		return err
	}
	l.use(list)
	return nil
}

// reachable wants one server of the list that answers as it should.
func (l *servers) reachable(ctx context.Context, list *roster) error {
	errs := []error{errors.New("none of them answers as the server that it should be")}
	for _, s := range slices.Concat(list.primaries, list.secondaries) {
		if resting, _ := s.resting(l.clock.Now()); !resting && slices.Contains(l.everyone(), s) {
			return nil // in use already, and well
		}
		one, cancel := context.WithTimeout(ctx, l.cfg.Timeout)
		res, err := s.client.Do(one, client.Request{Method: http.MethodGet, Path: registrationPath, Out: new(wire.AgentRegistration)})
		cancel()
		why := s.trouble(registrationPath, res, err)
		if why == "" && err == nil {
			return nil
		}
		errs = append(errs, fmt.Errorf("%s at %s: %s: %w", s.node, s.url, why, err))
	}
	return errors.Join(errs...)
}

// use changes the list. Servers that are not on it any more finish what they were asked.
func (l *servers) use(list *roster) {
	was := l.now.Swap(list)
	if was.same(list) {
		return
	}
	names := func(all []*server) (out []string) {
		for _, s := range all {
			out = append(out, s.node)
		}
		return out
	}
	l.logger.Info("the list of concord servers changed", "primary", names(list.primaries), "secondary", names(list.secondaries), "registered", list != l.file)
	for _, s := range was.everyone() {
		if !slices.Contains(list.everyone(), s) {
			s.client.Close()
		}
	}
}
