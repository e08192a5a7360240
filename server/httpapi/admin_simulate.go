package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/configuration"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session"
	"github.com/concord-access/terraform-provider-concord/server/topology"
)

// maxSimulated is how many sign-ons of one user are looked at.
const maxSimulated = 20

func (s *Server) simulationRoutes() []route {
	return []route{{method: http.MethodPost, path: "/v1/simulate", summary: "What a fault would make of signed-in people and of administration, and which rule decides; changes nothing. A user needs read on user and on session too",
		in: wire.SimulationQuestion{}, out: wire.Simulation{}, needs: onAll(mdc.ActionRead, mdc.AreaValidation), handle: s.simulate}}
}

// simulation is one question of an administrator.
type simulation struct {
	in       wire.SimulationQuestion
	policy   mdc.SessionPolicy
	forecast *topology.Forecast
	signOns  []session.Whereabouts
	barred   bool // the user cannot be signed in
	full     bool // this data center
	used     *int
	capacity *int
	fates    []session.Fate
	notes    []string
}

// simulate lets the decision of requests decide about requests that nobody makes, over links that are assumed to fail.
func (s *Server) simulate(c *call) error {
	q := simulation{policy: s.c.Sessions.Policy()}
	if err := c.decode(&q.in); err != nil {
		return err
	}
	if err := q.lay(); err != nil {
		return err
	}
	if err := s.whose(c, &q); err != nil {
		return err
	}
	ctx := c.Request.Context()
	var err error
	f := q.in.Fault
	if q.forecast, err = s.c.Validator.Forecast(ctx, topology.Outage{Kind: f.Kind, ClusterID: f.ClusterID, Other: f.Other}); err != nil {
		return err
	}
	if err := s.occupancy(ctx, &q); err != nil {
		return err
	}
	q.anybody()
	if q.fates, err = session.Simulate(ctx, s.assume(&q), q.signOns); err != nil {
		return err
	}
	out, err := s.foretell(ctx, c.actor(), &q)
	if err != nil {
		return err
	}
	return c.answer(out)
}

// lay puts the policy of the question over the one in force.
func (q *simulation) lay() error {
	if q.in.SessionPolicy == nil {
		return nil
	}
	b, err := json.Marshal(q.in.SessionPolicy)
	if err != nil {
		return fmt.Errorf("encode session policy: %w", err)
	}
	var given map[string]json.RawMessage
	if err := json.Unmarshal(b, &given); err != nil {
		return fmt.Errorf("read session policy: %w", err)
	}
	var faults []fault.Field
	for _, name := range slices.Sorted(maps.Keys(given)) { // one by one, so that a duration that is none has a pointer
		if err := json.Unmarshal(fmt.Appendf(nil, "{%q:%s}", name, given[name]), &q.policy); err != nil {
			faults = append(faults, fault.Field{Pointer: "/" + name, Detail: clip(err.Error())})
		}
	}
	if q.policy.Normalize(); len(faults) == 0 {
		faults = q.policy.Validate()
	}
	for i := range faults {
		faults[i].Pointer = "/session_policy" + faults[i].Pointer
	}
	q.notes = append(q.notes, "The session policy of the question is in force nowhere; whether the agents that are registered fit it is not looked at.")
	return fault.InvalidFields("The session policy cannot be accepted.", faults[:min(len(faults), maxFaults)])
}

// whose finds the sign-ons of the user that the question names.
func (s *Server) whose(c *call, q *simulation) error {
	if q.in.User == "" {
		return nil
	}
	ctx := c.Request.Context()
	if !c.administrator().Rights.Allow(mdc.ActionRead, mdc.AreaSession, "") {
		return configuration.Forbidden(mdc.ActionRead, mdc.AreaSession)
	}
	all, next, err := s.c.Sessions.List(ctx, session.ListFilter{User: q.in.User}, "", maxSimulated)
	if fault.Is(err, fault.Invalid) {
		return fault.InvalidFields("The question cannot be answered.", []fault.Field{{Pointer: "/user", Detail: "is no user's name"}})
	}
	if err != nil {
		return err
	}
	res, err := s.c.Configuration.Effective(ctx, c.actor(), mdc.UserKind(), q.in.User)
	switch elsewhere := slices.ContainsFunc(all, func(v *mdc.Session) bool { return v.Store != mdc.LocalStore }); {
	case fault.Is(err, fault.NotFound) && !elsewhere:
		return fault.InvalidFields("The question cannot be answered.", []fault.Field{{Pointer: "/user", Detail: fmt.Sprintf("%q is no user of the local identity store, and nobody of that name is signed in here", clip(q.in.User))}})
	case err != nil && !fault.Is(err, fault.NotFound):
		return err
	case err == nil:
		u, err := mdc.As[*mdc.User](res.Object)
		if err != nil {
			return err
		}
		q.barred = !u.Enabled && !elsewhere
	}
	for _, v := range all {
		q.signOns = append(q.signOns, session.Whereabouts{SSOID: v.SSOID, At: s.c.ClusterID, Members: v.Members, Chain: v.Chain, DegradedSince: v.DegradedSince})
	}
	switch {
	case q.barred:
		q.notes = append(q.notes, "The user is disabled and cannot sign in.")
	case len(all) == 0:
		q.notes = append(q.notes, "The user is not signed in at "+s.c.ClusterID+": what follows is told as for anybody.")
	case next != "":
		q.notes = append(q.notes, fmt.Sprintf("The user has more sign-ons than the %d that are told of.", maxSimulated))
	}
	return nil
}

// anybody is somebody who signed in at each of the data centers and went nowhere else.
func (q *simulation) anybody() {
	if len(q.signOns) > 0 {
		return
	}
	for _, c := range q.forecast.Centers {
		q.signOns = append(q.signOns, session.Whereabouts{At: c.ClusterID})
	}
}

// occupancy is how full this data center is. How full others are is not known here.
func (s *Server) occupancy(ctx context.Context, q *simulation) error {
	used, capacity, err := s.c.Sessions.Occupancy(ctx)
	if err != nil || capacity == 0 {
		return err
	}
	q.used, q.capacity, q.full = &used, &capacity, used >= capacity
	return nil
}

func (s *Server) assume(q *simulation) session.Assumption {
	a := session.Assumption{Policy: &q.policy, Now: s.c.Clock.Now(), Registered: q.forecast.Registered, Barred: q.barred,
		Full: func(at string) bool { return q.full && mdc.SameName(at, s.c.ClusterID) },
		Reach: func(from, to string) session.Reach {
			switch q.forecast.Reach(from, to) {
			case topology.Silent:
				return session.Silent
			case topology.Refused:
				return session.Distrusted
			}
			return session.Reaches
		}}
	for _, c := range q.forecast.Centers {
		if c.Answers {
			a.Up = append(a.Up, c.ClusterID)
		} else {
			a.Down = append(a.Down, c.ClusterID)
		}
	}
	return a
}
