package httpapi

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/configuration"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/topology"
)

// maxStores is how many identity stores are told of.
const maxStores = 100

// foretell makes the answer, with the identity stores that the one who asks may read.
func (s *Server) foretell(ctx context.Context, who configuration.Actor, q *simulation) (wire.Simulation, error) {
	f := q.forecast
	out := wire.Simulation{ID: s.c.ClusterID, At: s.c.Clock.Now().UTC(), Fault: wire.SimulatedFault{Kind: f.Outage.Kind, ClusterID: f.Outage.ClusterID, Other: f.Outage.Other},
		Outcome: wire.OutcomeServed, People: []wire.SimulatedRequest{}, DataCenters: []wire.SimulatedDataCenter{}, Administration: administrationUnder(f),
		Present: []wire.SimulatedTrouble{}, Notes: append([]string{}, q.notes...)}
	for i := range q.fates {
		r := q.request(&q.fates[i])
		out.People = append(out.People, r)
		if worse(r.Outcome, out.Outcome) {
			out.Outcome = r.Outcome
		}
	}
	for _, c := range f.Centers {
		d := wire.SimulatedDataCenter{ClusterID: c.ClusterID, Role: c.Role, Availability: c.Availability, Answers: c.Answers, GetsUsers: c.NoUsers == "", Reason: c.NoUsers, TakesOver: c.TakesOver}
		if mdc.SameName(c.ClusterID, s.c.ClusterID) {
			d.SessionCapacity, d.Sessions = q.capacity, q.used
		}
		out.DataCenters = append(out.DataCenters, d)
	}
	for _, e := range f.Broken {
		out.Present = append(out.Present, wire.SimulatedTrouble{From: e.From, To: e.To, Reason: e.Reason})
	}
	out.Notes = append(out.Notes, forecastNotes(f)...)
	var err error
	out.IdentityStores, err = s.storesUnder(ctx, who, f)
	return out, err
}

// worse orders outcomes.
func worse(a, b string) bool {
	order := []string{wire.OutcomeServed, wire.OutcomeChallenged, wire.OutcomeRefused}
	return slices.Index(order, a) > slices.Index(order, b)
}

func administrationUnder(f *topology.Forecast) wire.SimulatedAdministration {
	w := f.Writes
	out := wire.SimulatedAdministration{Master: w.Master, WritesPossible: w.Possible, WriteRequires: w.Requires, Reason: w.Reason, Agreements: []wire.SimulatedAgreement{}, Promotions: []wire.SimulatedPromotion{}}
	for _, a := range f.Agreements {
		out.Agreements = append(out.Agreements, wire.SimulatedAgreement{Name: a.Name, Identifier: a.Identifier, Source: a.Source, Target: a.Target, State: a.State, LagEntries: a.Lag, Stops: a.Stops})
	}
	for _, c := range f.Centers {
		if p := c.Promotion; c.Role == mdc.RoleClone {
			out.Promotions = append(out.Promotions, wire.SimulatedPromotion{ClusterID: c.ClusterID, Possible: p.Way != "", Forced: p.Way == topology.PromotionForced, Reason: p.Reason, LagEntries: p.Lag})
		}
	}
	return out
}

// forecastNotes says what the forecast could not look at.
func forecastNotes(f *topology.Forecast) (out []string) {
	if len(f.Away) > 0 {
		out = append(out, strings.Join(f.Away, ", ")+": answers nobody now, so it counts as failed too.")
	}
	if len(f.Unasked) > 0 {
		out = append(out, strings.Join(f.Unasked, ", ")+": does not tell of its own partners, which are taken for registered and reachable; concord trust matrix says why.")
	}
	if len(f.Left) > 0 {
		out = append(out, fmt.Sprintf("%d data centers are told of at most. Not among them: %s.", topology.MaxForecast, strings.Join(f.Left[:min(len(f.Left), 100)], ", ")))
	}
	return out
}

// storesUnder says whether the people of each identity store can be signed in.
func (s *Server) storesUnder(ctx context.Context, who configuration.Actor, f *topology.Forecast) ([]wire.SimulatedStore, error) {
	out := []wire.SimulatedStore{{Name: mdc.LocalStore, Affected: "no", Sentence: "Every data center has its own copy of the local users and checks their passwords itself."}}
	page, _, err := s.c.Configuration.ListEffective(ctx, who, mdc.IdentityStoreKind(), "", maxStores)
	if err != nil && !fault.Is(err, fault.Forbidden) {
		return nil, err
	}
	there := []string{}
	if f.Outage.Kind == topology.OutageDataCenter {
		if there, err = s.hostsOf(ctx, f.Outage.ClusterID); err != nil {
			return nil, err
		}
	}
	for _, it := range page {
		d, err := mdc.As[*mdc.IdentityStore](it.Object)
		if err != nil {
			return nil, err
		}
		out = append(out, storeUnder(f, d, there))
	}
	return out, nil
}

// storeUnder judges a directory by where its servers are: on a host of the data center that fails, or anywhere.
func storeUnder(f *topology.Forecast, d *mdc.IdentityStore, there []string) wire.SimulatedStore {
	out := wire.SimulatedStore{Name: d.Name, Affected: "no", Sentence: "Every data center asks the directory itself, not by way of another one."}
	if f.Outage.Kind != topology.OutageDataCenter {
		return out
	}
	left := slices.DeleteFunc(slices.Clone(d.URLs), func(text string) bool {
		u, err := url.Parse(text)
		return err == nil && slices.Contains(there, strings.ToLower(u.Hostname()))
	})
	if len(left) == 0 {
		out.Affected, out.Sentence = "yes", fmt.Sprintf("All its servers are on hosts of %s. While those are down nobody of this store can sign in, and no session is made for them from a cookie; who is signed in goes on.", f.Outage.ClusterID)
		return out
	}
	out.Affected, out.Sentence = "unknown", fmt.Sprintf("Its people can sign in while one of %s answers; whether those stand in %s too is not known here.", strings.Join(left[:min(len(left), 5)], ", "), f.Outage.ClusterID)
	return out
}

// hostsOf are the host names and addresses of a data center, but for those of the machine itself, which every data center of a
// trial on one machine has.
func (s *Server) hostsOf(ctx context.Context, clusterID string) (hosts []string, err error) {
	at := s.c.Addresses()
	addresses := []string{at.Admin, at.Runtime, at.Peer}
	if !mdc.SameName(clusterID, s.c.ClusterID) {
		p, err := s.c.Model.Partner(ctx, clusterID)
		if err != nil || p == nil {
			return nil, err
		}
		addresses = append(append([]string{p.RESTEndpoint}, p.Primary...), p.Secondary...)
	}
	for _, a := range addresses {
		_, rest, found := strings.Cut(a, "://")
		host, _, err := net.SplitHostPort(cmp.Or(map[bool]string{true: rest}[found], a))
		if ip := net.ParseIP(host); err == nil && host != "" && !strings.EqualFold(host, "localhost") && (ip == nil || !ip.IsLoopback()) {
			hosts = append(hosts, strings.ToLower(host))
		}
	}
	return hosts, nil
}
