package topology

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Results of an edge.
const (
	EdgeSound   = "sound"   // works, and both sides say the same
	EdgeBroken  = "broken"  // declared by one side at least, and does not work
	EdgeAbsent  = "absent"  // neither side declares it: not a fault
	EdgeUnknown = "unknown" // whose edge it is could not be asked
)

const (
	edgesTime    = 10 * time.Second // for a partner's own edges, which takes it a hello to each of its partners
	maxEdgesFrom = 1000             // of one data center that are taken
)

// Edge is the trust of one data center in another, in one direction. Pointers are nil for what could not be found out.
type Edge struct {
	From, To  string
	Declared  bool  // To is registered at From as a partner
	Trusted   bool  // a certificate is declared for it there, or a pairing pinned its roots
	Reachable *bool // something answered at To's address
	Mutual    *bool // each side accepted the other's certificate
	ModeEqual *bool // one security mode on both sides
	Fits      *bool // the versions work together
	Mode      string
	Version   string    // of To
	ExpiresAt time.Time // the earliest end on the chain that To showed; zero = not known
	Agreement string    // state of the replication agreement between the two at From; "" = none
	Result    string    // Edge…
	Reason    string    // why it is not sound

	hello *Hello // of To, where it was heard just now; never another data center's word
}

// Edges judges the edges from this data center, each by a hello, sixteen at a time.
func (v *Validator) Edges(ctx context.Context) ([]Edge, error) {
	partners, own, trusted, err := v.registered(ctx)
	if err != nil {
		return nil, err
	}
	views, err := v.c.Agreements.List(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]Edge, len(partners))
	var group errgroup.Group
	group.SetLimit(probeMany)
	for i, p := range partners {
		group.Go(func() error {
			out[i] = Edge{From: v.c.ClusterID, To: p.ClusterID, Declared: true, Trusted: trusted[""] || trusted[mdc.FoldName(p.ClusterID)], Mode: cmp.Or(p.SecurityMode, own.SecurityMode), Agreement: agreementWith(views, p.ClusterID)}
			v.judge(ctx, &out[i], own, p)
			return nil
		})
	}
	_ = group.Wait() // nobody gives an error
	return out, ctx.Err()
}

// AnswerEdges gives a partner the edges from this data center. fault.Forbidden management_not_allowed.
func (v *Validator) AnswerEdges(ctx context.Context) ([]Edge, error) {
	if err := managed(ctx, v.c.Log, v.c.ClusterID, "tells nobody of its edges"); err != nil {
		return nil, err
	}
	return v.Edges(ctx)
}

// TellsAudit says whether this data center lets others read its audit. fault.Forbidden management_not_allowed.
func (v *Validator) TellsAudit(ctx context.Context) error {
	return managed(ctx, v.c.Log, v.c.ClusterID, "tells nobody of its audit")
}

// managed refuses when this data center's profile does not let others manage it.
func managed(ctx context.Context, log *journal.Log, clusterID, so string) error {
	return log.View(ctx, func(s *journal.Snapshot) error {
		o, err := s.Get(mdc.PartnerProfileKind(), mdc.SingletonName)
		if err != nil {
			return err
		}
		if p, ok := o.(*mdc.PartnerProfile); !ok || !p.AllowManagement {
			return fault.New(fault.Forbidden, "management_not_allowed", "The partner profile of %s does not allow management, so it %s; set allow_management = true on %s.", clusterID, so, clusterID)
		}
		return nil
	})
}

// Matrix gives every edge between this data center and its partners, and among those, as far as they answer for themselves.
func (v *Validator) Matrix(ctx context.Context) ([]Edge, error) {
	own, err := v.Edges(ctx)
	if err != nil {
		return nil, err
	}
	said := make([][]Edge, len(own))
	why := make([]string, len(own))
	var group errgroup.Group
	group.SetLimit(probeMany)
	for i, e := range own {
		group.Go(func() error {
			said[i], why[i] = v.ask(ctx, e)
			return nil
		})
	}
	_ = group.Wait() // nobody gives an error
	return v.complete(own, said, why), ctx.Err()
}

// ask has a partner tell its own edges. What it says is taken for its own edges only.
func (v *Validator) ask(ctx context.Context, e Edge) (edges []Edge, why string) {
	if e.Mutual == nil || !*e.Mutual || v.c.AskEdges == nil {
		return nil, e.To + " cannot be asked: " + e.Reason
	}
	asking, cancel := context.WithTimeout(ctx, edgesTime)
	defer cancel()
	got, err := v.c.AskEdges(asking, e.To)
	if err != nil {
		return nil, e.To + " does not tell: " + safe(err)
	}
	got = slices.DeleteFunc(got, func(g Edge) bool { return !mdc.SameName(g.From, e.To) || !mdc.ValidClusterID(g.To) })
	return got[:min(len(got), maxEdgesFrom)], ""
}

// complete lays what was said out: an edge for each ordered pair of the known data centers, and those that partners have to others.
func (v *Validator) complete(own []Edge, said [][]Edge, why []string) []Edge {
	out := slices.Clone(own)
	for i, e := range own {
		out = append(out, said[i]...)
		if why[i] == "" {
			continue
		}
		for _, other := range append([]Edge{{To: v.c.ClusterID}}, own...) {
			if !mdc.SameName(other.To, e.To) {
				out = append(out, Edge{From: e.To, To: other.To, Result: EdgeUnknown, Reason: why[i]})
			}
		}
	}
	known := map[[2]string]bool{}
	for _, e := range out {
		known[pair(e.From, e.To)] = true
	}
	names := []string{v.c.ClusterID}
	for _, e := range own {
		names = append(names, e.To)
	}
	for _, from := range names {
		for _, to := range names {
			if !mdc.SameName(from, to) && !known[pair(from, to)] {
				out = append(out, Edge{From: from, To: to, Result: EdgeAbsent})
			}
		}
	}
	return oneSided(out)
}

func pair(from, to string) [2]string { return [2]string{mdc.FoldName(from), mdc.FoldName(to)} }

// oneSided finds edges that only the other side declares, and sorts.
func oneSided(all []Edge) []Edge {
	declared := map[[2]string]bool{}
	for _, e := range all {
		declared[pair(e.From, e.To)] = declared[pair(e.From, e.To)] || e.Declared
	}
	for i := range all {
		if e := &all[i]; e.Result == EdgeAbsent && declared[pair(e.To, e.From)] {
			e.Result = EdgeBroken
			e.Reason = fmt.Sprintf("%s registers %s as a partner and not the other way round; register %s on %s, with its trusted certificate", e.To, e.From, e.To, e.From)
		}
	}
	slices.SortStableFunc(all, func(a, b Edge) int {
		return strings.Compare(mdc.FoldName(a.From)+"\x00"+mdc.FoldName(a.To), mdc.FoldName(b.From)+"\x00"+mdc.FoldName(b.To))
	})
	return all
}

// judge asks the far end of an edge who it is, and says what is wrong first.
func (v *Validator) judge(ctx context.Context, e *Edge, own *mdc.DataCenter, p *mdc.Partner) {
	broken := func(format string, args ...any) {
		if e.Result = EdgeBroken; e.Reason == "" {
			e.Reason = fmt.Sprintf(format, args...)
		}
	}
	e.Result = EdgeSound
	if why := v.unbelieved(ctx, e, own); why != "" {
		broken("%s", why)
	}
	asking, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	h, err := v.c.Hello(asking, p.ClusterID)
	switch {
	case fault.Is(err, fault.Forbidden), fault.Is(err, fault.Unauthenticated):
		e.Reachable, e.Mutual = new(true), new(false)
		broken("%s and %s do not accept each other: %s", v.c.ClusterID, p.ClusterID, safe(err))
		return
	case err != nil:
		e.Reachable = new(false)
		broken("%s", safe(err))
		return
	case !mdc.SameName(h.ClusterID, p.ClusterID):
		e.Reachable, e.Mutual = new(true), new(false)
		broken("at its addresses answers %s", h.ClusterID)
		return
	}
	e.Reachable, e.Mutual, e.Version, e.ExpiresAt, e.hello = new(true), new(true), h.Version, h.ChainExpiresAt, &h
	m, n := mode(own, p, h.SecurityMode), version(v.c.Version, h)
	e.ModeEqual, e.Fits = &m.Pass, &n.Pass
	switch left := e.ExpiresAt.Sub(v.c.Clock.Now()); {
	case !m.Pass:
		broken("%s", m.Detail)
	case !n.Pass:
		broken("%s", n.Detail)
	case h.AgentID != p.AgentID:
		broken("the profile of %s has the agent_id %q, it is registered with %q", p.ClusterID, h.AgentID, p.AgentID)
	case !e.ExpiresAt.IsZero() && left <= 0:
		broken("a certificate of %s has expired", p.ClusterID)
	}
}

// unbelieved says why there is nothing by which the far end could be believed: no certificate in mode cert, no pairing in mode
// simple, which then counts as a certificate does. What is proved with each message shows in the hello.
func (v *Validator) unbelieved(ctx context.Context, e *Edge, own *mdc.DataCenter) string {
	switch {
	case own.SecurityMode == mdc.ModeCert && !e.Trusted:
		return "no trusted certificate is declared for " + e.To
	case own.SecurityMode == mdc.ModeSimple && !e.Trusted && v.c.Modes != nil:
		why := v.c.Modes.Unpaired(ctx, e.To)
		e.Trusted = why == ""
		return why
	}
	return ""
}

func agreementWith(views []View, clusterID string) string {
	for _, w := range views {
		if mdc.SameName(w.Source, clusterID) || mdc.SameName(w.Target, clusterID) {
			return w.State
		}
	}
	return ""
}

// registered reads partners, the data center's own declaration, and for whom certificates are declared ("" = for all).
func (v *Validator) registered(ctx context.Context) (partners []*mdc.Partner, own *mdc.DataCenter, trusted map[string]bool, err error) {
	trusted = map[string]bool{}
	err = v.c.Log.View(ctx, func(s *journal.Snapshot) (err error) {
		if own, err = s.DataCenter(); err != nil {
			return err
		}
		return errors.Join(
			eachOf(s, mdc.PartnerKind(), func(p *mdc.Partner) { partners = append(partners, p) }),
			eachOf(s, mdc.TrustedCertificateKind(), func(t *mdc.TrustedCertificate) { trusted[mdc.FoldName(t.Partner)] = true }))
	})
	return partners, own, trusted, err
}

// others looks at the edges that are not this data center's: what a partner cannot reach is a fault of the topology too.
func (r *report) others(ctx context.Context) error {
	all, err := r.v.Matrix(ctx)
	for _, e := range all {
		if e.Result == EdgeBroken && !mdc.SameName(e.From, r.v.c.ClusterID) {
			r.add(SeverityError, "edge_broken", "edge "+e.From+" to "+e.To, sentence(e.Reason), "Run concord validate with the endpoint of "+e.From+"; concord trust matrix shows all edges.")
		}
	}
	return err
}
