package session_test

import (
	"context"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session"
)

// signOn is one sign-on of the random test: every cookie that was ever made for it, and who knows that it ended.
type signOn struct {
	b      *browser
	sso    []string
	agent  []string
	ended  map[string]bool
	ending bool
}

type random struct {
	w   *world
	all []*signOn
}

var randomIDs = []string{"NYDC", "LDC", "PARIS"}

// FLT-25, and FLT-26 as far as it is about sessions and their ends: sign in, adopt, take over, authorize, sign out, cut, heal, restart in random order with every cookie ever issued, under
// every policy and limit: never an allow in a data center that knows of the end, and in the end nowhere. What was not ended stays
// usable, whoever took it over.
func TestNoResurrection(t *testing.T) {
	w := newWorld(t, randomIDs...)
	rapid.Check(t, func(rt *rapid.T) {
		r := &random{w: w}
		rt.Repeat(map[string]func(*rapid.T){
			"sign in":   r.signIn,
			"visit":     r.visit,
			"enter":     r.enter,
			"authorize": r.authorize,
			"sign out":  r.signOut,
			"user":      r.signOutUser,
			"link":      r.link,
			"sync":      r.sync,
			"policy":    r.policy,
			"restart":   r.restart,
			"forget":    func(rt *rapid.T) { w.centers[r.at(rt)].ForgetDecoded() },
			"time": func(rt *rapid.T) {
				w.clock.Advance(time.Duration(rapid.IntRange(1, 5000).Draw(rt, "ms")) * time.Millisecond)
			},
		})
		r.converges(rt)
	})
}

func (r *random) at(rt *rapid.T) string { return rapid.SampledFrom(randomIDs).Draw(rt, "at") }

func (r *random) one(rt *rapid.T) *signOn {
	if len(r.all) == 0 {
		rt.Skip("no sign-on yet")
	}
	return r.all[rapid.IntRange(0, len(r.all)-1).Draw(rt, "sign-on")]
}

func any1(rt *rapid.T, cookies []string) string {
	return cookies[rapid.IntRange(0, len(cookies)-1).Draw(rt, "cookie")]
}

func (r *random) signIn(rt *rapid.T) {
	s := &signOn{b: r.w.browser(), ended: map[string]bool{}}
	at := r.at(rt)
	if code := s.b.trySignIn(at, "ann"); code != "" {
		if code != "too_many_sessions" && code != "at_capacity" {
			rt.Fatalf("sign-in at %s: %s", at, code)
		}
		return
	}
	s.sso = append(s.sso, s.b.sso())
	r.all = append(r.all, s)
}

// check fails on an allow where the end is known.
func (r *random) check(rt *rapid.T, s *signOn, at string, found *mdc.Session, rule string) {
	if found != nil && s.ended[at] {
		rt.Fatalf("%s allowed an ended sign-on: %s", at, rule)
	}
}

func (r *random) visit(rt *rapid.T) {
	s, at := r.one(rt), r.at(rt)
	f, err := r.w.centers[at].VisitWith(context.Background(), any1(rt, s.sso), s.b.gito())
	must(r.w.t, err)
	r.check(rt, s, at, f.Session, f.Rule)
	if f.Rule == session.ChallengeReauthenticate && !s.ending && rapid.Bool().Draw(rt, "password") {
		r.again(rt, s, at)
		return
	}
	s.b.keep("login.example.com", f.SetCookies)
	s.sso = append(s.sso, s.b.sso())
}

// again gives the password for a sign-on of elsewhere; what begins anew ends the former.
func (r *random) again(rt *rapid.T, s *signOn, at string) {
	before := len(s.sso)
	if code := s.b.trySignIn(at, "ann"); code != "" {
		s.ending = s.ending || code == "too_many_sessions" || code == "at_capacity"
		s.ended[at] = s.ended[at] || s.ending
		return
	}
	f, err := r.w.centers[at].Visit(context.Background(), s.sso[before-1])
	must(r.w.t, err)
	if f.Rule == session.ChallengeTombstone {
		s.ended[at], s.ending = true, true
		return
	}
	s.sso = append(s.sso, s.b.sso())
}

func (r *random) enter(rt *rapid.T) {
	s, at, to := r.one(rt), r.at(rt), r.at(rt)
	c := r.w.centers[at]
	location, cookies, err := c.BeginFlow(agents["shop"], session.Flow{Scheme: "https", Host: "shop.example.com", Target: "/page?x=1"})
	must(r.w.t, err)
	s.b.keep("shop.example.com", cookies)
	q, err := c.OpenRequest(location[len("https://login.example.com/login?request="):])
	must(r.w.t, err)
	f, err := c.Visit(context.Background(), s.b.sso())
	must(r.w.t, err)
	r.check(rt, s, at, f.Session, f.Rule)
	if f.Session == nil {
		return
	}
	callback, err := c.IssueCode(f, agents["shop"], q)
	must(r.w.t, err)
	out, err := s.b.redeem("shop", to, parseCallback(callback))
	must(r.w.t, err)
	r.check(rt, s, to, out.Session, out.Rule)
	if out.Session != nil {
		s.agent = append(s.agent, s.b.agentCookie("shop"))
	}
}

func (r *random) authorize(rt *rapid.T) {
	s, at := r.one(rt), r.at(rt)
	if len(s.agent) == 0 {
		rt.Skip("no agent cookie yet")
	}
	d, err := r.w.centers[at].Authorize(context.Background(), agents["shop"], session.AuthorizeInput{Scheme: "https", Host: "shop.example.com",
		Cookie: any1(rt, s.agent), Inactivity: s.b.gito()})
	must(r.w.t, err)
	r.check(rt, s, at, d.Session, d.Rule)
	if d.SetCookie != "" {
		s.b.keep("shop.example.com", []string{d.SetCookie})
	}
}

func (r *random) signOut(rt *rapid.T) {
	s, at := r.one(rt), r.at(rt)
	r.w.signOut(at, s.b)
	s.ended[at], s.ending = true, true
}

func (r *random) signOutUser(rt *rapid.T) {
	at := r.at(rt)
	r.w.clock.Advance(time.Second) // a new sign-on counts from after the last "everywhere", so it may be ahead a little
	err := r.w.centers[at].EndUser(context.Background(), people, "ann")
	must(r.w.t, err)
	r.w.clock.Advance(time.Second) // a data center that has not heard of it yet signs in at a later time
	for _, s := range r.all {
		s.ended[at], s.ending = true, true
	}
}

func (r *random) pair(rt *rapid.T) (a, b string) {
	i := rapid.IntRange(0, 2).Draw(rt, "link")
	return randomIDs[i], randomIDs[(i+1+rapid.IntRange(0, 1).Draw(rt, "other"))%3]
}

func (r *random) link(rt *rapid.T) {
	a, b := r.pair(rt)
	r.w.part(a, b, rapid.Bool().Draw(rt, "cut"))
}

func (r *random) sync(rt *rapid.T) {
	a, b := r.pair(rt)
	if err := r.w.centers[a].Sync(context.Background(), b); err != nil {
		return
	}
	for _, s := range r.all {
		s.ended[a] = s.ended[a] || s.ended[b]
		s.ended[b] = s.ended[a]
	}
}

func (r *random) policy(rt *rapid.T) {
	r.w.set(func(p *mdc.SessionPolicy) {
		p.ContinueOnSyncFailure, p.RetrieveOnDemand = rapid.Bool().Draw(rt, "continue"), rapid.Bool().Draw(rt, "retrieve")
		p.Anchored = p.RetrieveOnDemand && rapid.Bool().Draw(rt, "anchored")
		p.Reauthenticate = rapid.IntRange(0, 3).Draw(rt, "reauthenticate") == 0
		p.MaxSessionsPerUser = rapid.SampledFrom([]int{0, 0, 1, 3}).Draw(rt, "limit")
		p.GitoCookieDomain = rapid.SampledFrom([]string{"", "example.com"}).Draw(rt, "domain")
	})
	r.w.centers[r.at(rt)].capacity.Store(int64(rapid.SampledFrom([]int{0, 0, 3, 100}).Draw(rt, "capacity")))
}

func (r *random) restart(rt *rapid.T) {
	if rapid.IntRange(0, 3).Draw(rt, "really") == 0 {
		r.w.centers[r.at(rt)].reopen()
	}
}

// converges heals everything and looks at every cookie everywhere.
func (r *random) converges(rt *rapid.T) {
	for i := range randomIDs {
		r.w.part(randomIDs[i], randomIDs[(i+1)%3], false)
	}
	r.w.set(func(p *mdc.SessionPolicy) {
		p.ContinueOnSyncFailure, p.RetrieveOnDemand, p.Anchored, p.Reauthenticate, p.MaxSessionsPerUser = false, true, false, false, 0
	})
	for _, c := range r.w.centers {
		c.capacity.Store(0)
	}
	r.w.sync()
	for _, s := range r.all {
		for _, at := range randomIDs {
			f, err := r.w.centers[at].Visit(context.Background(), any1(rt, s.sso))
			must(r.w.t, err)
			if (f.Session == nil) != s.ending {
				rt.Fatalf("at %s in the end: ended %v, rule %s", at, s.ending, f.Rule)
			}
			for _, cookie := range s.agent {
				if d := r.w.authorize("shop", at, cookie); (d.Session == nil) != s.ending && d.Rule != session.ChallengeExpired {
					rt.Fatalf("agent at %s in the end: ended %v, rule %s", at, s.ending, d.Rule)
				}
			}
		}
	}
}
