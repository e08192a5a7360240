package session_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session"
)

// outage is a fault of the three data centers: who serves nobody, and which links do not carry.
type outage struct {
	name string
	down string
	cut  [][2]string
}

func outages() (all []outage) {
	ids := randomIDs
	all = append(all, outage{name: "none"})
	for i, id := range ids {
		next, last := ids[(i+1)%3], ids[(i+2)%3]
		all = append(all, outage{"data center " + id, id, [][2]string{{id, next}, {id, last}}}, outage{"partner " + id, "", [][2]string{{id, next}, {id, last}}},
			outage{"link " + id + "-" + next, "", [][2]string{{id, next}}})
	}
	return all
}

func (o outage) cuts(a, b string) bool {
	return slices.ContainsFunc(o.cut, func(l [2]string) bool { return l == [2]string{a, b} || l == [2]string{b, a} })
}

func (o outage) assumption(p *mdc.SessionPolicy, now time.Time) session.Assumption {
	a := session.Assumption{Policy: p, Now: now, Registered: func(string, string) bool { return true }, Full: func(string) bool { return false },
		Reach: func(from, to string) session.Reach {
			if o.cuts(from, to) {
				return session.Silent
			}
			return session.Reaches
		}}
	for _, id := range randomIDs {
		if id == o.down {
			a.Down = append(a.Down, id)
		} else {
			a.Up = append(a.Up, id)
		}
	}
	return a
}

// policies are all that may be declared of {anchored, retrieve, reauthenticate, continue, common domain}; limits go round.
func policies() (all []mdc.SessionPolicy) {
	for bits := range 32 {
		p := *mdc.DefaultSessionPolicy()
		p.SignInURL = "https://login.example.com"
		p.Anchored, p.RetrieveOnDemand, p.Reauthenticate, p.ContinueOnSyncFailure = bits&1 > 0, bits&2 > 0, bits&4 > 0, bits&8 > 0
		if bits&16 > 0 {
			p.GitoCookieDomain = "example.com"
		}
		if limit := []string{"", mdc.PartitionedLocal, mdc.PartitionedDeny}[bits%3]; limit != "" {
			p.MaxSessionsPerUser, p.MaxSessionsWhenPartitioned = 5, limit
		}
		if len(p.Validate()) == 0 {
			all = append(all, p)
		}
	}
	return all
}

// OAM-19..25, OAM-29..33, OAM-38: under every policy and every fault of three data centers, for who stayed where they signed in and
// for who went on from there, the next request at each data center meets what was simulated, and so does the password after it.
func TestSimulationsComeTrue(t *testing.T) {
	if got := len(policies()); got != 24 {
		t.Fatalf("%d policies", got)
	}
	for i, p := range policies() {
		t.Run(fmt.Sprintf("%d anchored %t, retrieve %t, reauthenticate %t, continue %t, domain %q", i, p.Anchored, p.RetrieveOnDemand, p.Reauthenticate, p.ContinueOnSyncFailure, p.GitoCookieDomain), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, randomIDs...)
			w.policy.Store(&p)
			pairs := 0
			for _, o := range outages() {
				pairs += w.comesTrue(o)
			}
			if want := 3*9 + 3*2*3 + 3*9 + 9; pairs < want {
				t.Errorf("%d pairs, want at least %d", pairs, want)
			}
		})
	}
}

// comesTrue makes a sign-on for each origin and each data center that may answer, then the fault, and compares.
func (w *world) comesTrue(o outage) (pairs int) {
	type trip struct {
		b    *browser
		user string
		fate session.Fate
	}
	var trips []trip
	p := w.policy.Load()
	for i, origin := range randomIDs {
		for _, roams := range []bool{false, true} {
			where := session.Whereabouts{At: origin}
			if next := randomIDs[(i+1)%3]; roams {
				if p.Reauthenticate {
					continue
				}
				where = session.Whereabouts{At: next, Members: []string{origin}, Chain: []string{origin, next}}
				if p.Anchored {
					where.Chain = []string{next}
				}
			}
			fates, err := session.Simulate(context.Background(), o.assumption(p, w.clock.Now()), []session.Whereabouts{where})
			must(w.t, err)
			for _, f := range fates {
				user := strings.ToLower(strings.ReplaceAll(o.name, " ", "-")) + fmt.Sprint(len(trips))
				for _, id := range randomIDs {
					w.setPerson(id, session.Person{Name: user, Enabled: true})
				}
				b := w.browser()
				b.signIn(origin, user)
				w.clock.Advance(time.Second)
				if roams {
					b.visit(where.At)
					w.sync()
				} else if p.GitoCookieDomain != "" {
					b.enter("shop", origin, origin)
					b.authorize("shop", origin)
				}
				trips = append(trips, trip{b, user, f})
			}
		}
	}
	for _, l := range o.cut {
		w.part(l[0], l[1], true)
	}
	for _, t := range trips {
		f, what := t.fate, fmt.Sprintf("%s: from %s at %s", o.name, t.fate.SignOn.At, t.fate.At)
		got := t.b.visit(f.At)
		want(w.t, what, got.Rule, f.Rule)
		want(w.t, what+", served", got.Session != nil, f.Served())
		if got.Session == nil {
			w.passwordComesTrue(what, t.b, t.user, &f)
		} else if f.Then != "" {
			later, after := *p, got.Session
			later.MaxDegradedAge = mdc.Duration(time.Nanosecond)
			w.policy.Store(&later)
			w.clock.Advance(time.Second)
			want(w.t, what+", later", t.b.visit(f.At).Rule, f.Then)
			w.policy.Store(p)
			want(w.t, what+", degraded", after.DegradedSince != nil, true)
		}
	}
	for _, l := range o.cut {
		w.part(l[0], l[1], false)
	}
	w.sync()
	return len(trips)
}

func (w *world) passwordComesTrue(what string, b *browser, user string, f *session.Fate) {
	w.t.Helper()
	before := b.sso()
	code := b.trySignIn(f.At, user)
	want(w.t, what+", the password is refused", code, map[string]string{session.ChallengeLimit: "too_many_sessions"}[f.SignIn])
	if code != "" {
		return
	}
	old, err := w.centers[f.At].Visit(context.Background(), before)
	must(w.t, err)
	want(w.t, what+", the sign-on is kept", old.Rule != session.ChallengeTombstone, f.Kept)
}
