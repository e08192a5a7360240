package session

import (
	"context"
	"slices"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Reach is how calls from one data center to another fare.
type Reach uint8

// The outcomes of a call, as a decision tells them apart.
const (
	Reaches    Reach = iota // it is answered
	Silent                  // it is not
	Distrusted              // it is refused, or its answer is not believed
)

// Assumption is what a simulation takes for true. All data centers have one policy and the same users.
type Assumption struct {
	Policy     *mdc.SessionPolicy
	Now        time.Time
	Up         []string // data centers that serve people
	Down       []string // data centers that serve nobody and answer nobody
	Registered func(at, partner string) bool
	Reach      func(from, to string) Reach
	Full       func(at string) bool // whether it holds as many sessions as it may
	Barred     bool                 // the user is absent or disabled
}

// Whereabouts is where a sign-on has sessions.
type Whereabouts struct {
	SSOID         mdc.SSOID  // "" = anybody's
	At            string     // data center of the session, which wrote the cookie
	Members       []string   // other data centers that have a session of it
	Chain         []string   // data centers that it has been to; none = At alone
	DegradedSince *time.Time // of the session; nil = it is whole
}

// What somebody loses.
const (
	LossSession    = "session"    // a new sign-on begins
	LossAttributes = "attributes" // what came with the session: groups, attributes, address, scheme
	LossIdleTime   = "idle_time"  // uses that no cookie tells of count as idle time
	LossSignOuts   = "sign_outs"  // sign-outs of elsewhere are not known
	LossLimit      = "limit"      // max_sessions_per_user does not count what is elsewhere
	LossAnchor     = "anchor"     // the session of elsewhere does not end, so there are two
)

// Loss is one thing that somebody loses, and because of which data centers; none = because of the policy.
type Loss struct {
	What string
	Of   []string
}

// Fate is what the next request of a sign-on meets at a data center.
type Fate struct {
	SignOn Whereabouts
	At     string
	Rule   string   // that decides
	From   string   // who gave the session; "" = nobody
	Silent []string // who was asked and did not answer, or was not believed
	Then   string   // the rule that decides when max_degraded_age is over and the fault is not; "" = nothing changes by then
	SignIn string   // with a challenge: the rule by which the password does not help either; "" = it does
	Kept   bool     // with a challenge: the password continues the sign-on instead of beginning another
	Losses []Loss
}

// Served says that nobody is asked for anything.
func (f *Fate) Served() bool { return allows(f.Rule) }

// allows tells the rules that find or make a session from those that challenge.
func allows(rule string) bool {
	return slices.Contains([]string{SignedIn, Reauthenticated, FoundLocal, FoundIndex, FoundSSO, AdoptedFound, AdoptedCookie, AdoptedAlone}, rule)
}

// Simulate tells for each sign-on, at each data center that serves people, what the next request there meets. It decides by what
// requests are decided by. It belongs to no engine: it reads no store, asks nobody and changes nothing.
func Simulate(ctx context.Context, a Assumption, signOns []Whereabouts) ([]Fate, error) {
	out := make([]Fate, 0, len(signOns)*len(a.Up))
	for _, s := range signOns {
		for _, at := range a.Up {
			f, err := a.fate(ctx, s, at)
			if err != nil {
				return nil, err
			}
			out = append(out, f)
		}
	}
	return out, nil
}

func (a *Assumption) fate(ctx context.Context, s Whereabouts, at string) (Fate, error) {
	f := Fate{SignOn: s, At: at}
	v := &assumed{a: a, s: s, at: at}
	switch here := v.holds(at); {
	case a.Barred:
		f.Rule = ChallengeUser
	case here && !stale(v.since(at), a.Now, a.Policy.MaxDegradedAge.D()):
		f.Rule = v.found()
	default:
		d, err := decide(ctx, question{policy: a.Policy, held: here}, v)
		if err != nil {
			return f, err
		}
		if f.Rule = d.rule; d.made != nil {
			f.From = d.made.from
		}
		if allows(f.Rule) && !here && a.Full(at) {
			f.Rule = ChallengeCapacity
		}
	}
	f.Silent = v.silent
	if f.Rule == AdoptedAlone {
		then, err := a.fate(ctx, a.grownOld(s, at), at)
		if err != nil {
			return f, err
		}
		f.Then = then.Rule
	}
	if err := v.password(ctx, &f); err != nil {
		return f, err
	}
	f.Losses = a.losses(&f)
	return f, nil
}

// grownOld is a sign-on that at made a session for from the cookie, when nobody has confirmed it for max_degraded_age. The cookie is
// the one that at wrote then.
func (a *Assumption) grownOld(s Whereabouts, at string) Whereabouts {
	chain := s.Chain
	if len(chain) == 0 {
		chain = []string{s.At}
	}
	since := a.Now.Add(-a.Policy.MaxDegradedAge.D())
	return Whereabouts{SSOID: s.SSOID, At: at, Members: []string{s.At}, Chain: trail(a.Policy, chain, at), DegradedSince: &since}
}

// assumed are the facts of a simulation, at one data center.
type assumed struct {
	a      *Assumption
	s      Whereabouts
	at     string
	silent []string // with ask: who did not answer, or was not believed
}

var _ facts = (*assumed)(nil)

func (v *assumed) person(context.Context) (standing, error) {
	if v.a.Barred {
		return barred, nil
	}
	return stands, nil
}

// candidates are what the cookie leads to: the same list as of a claim.
func (v *assumed) candidates(context.Context) ([]string, error) {
	c := claim{Cluster: v.s.At, Latest: v.s.At, Chain: v.s.Chain}
	var registered []string
	for _, id := range append(slices.Clone(v.a.Up), v.a.Down...) {
		if v.partner(id) {
			registered = append(registered, id)
		}
	}
	return c.visited("", v.at, registered), nil
}

func (v *assumed) partner(cluster string) bool {
	return !mdc.SameName(cluster, v.at) && v.a.Registered(v.at, cluster)
}

func (v *assumed) ask(_ context.Context, cluster string, _ int) outcome {
	reach := v.a.Reach(v.at, cluster)
	if reach == Reaches && v.holds(cluster) && v.since(cluster) != nil {
		reach = Silent // a session that is not confirmed itself is not given away
	}
	if reach != Reaches && !containsCluster(v.silent, cluster) {
		v.silent = append(v.silent, cluster)
	}
	switch {
	case reach == Silent:
		return challenge(ChallengeUnreachable)
	case reach == Distrusted:
		return challenge(ChallengeRefused)
	case !v.holds(cluster):
		return challenge(ChallengeUnknown)
	}
	return outcome{verdict: verdictFound, from: cluster}
}

func (v *assumed) degraded(context.Context) (age time.Duration, denied bool, err error) {
	return 0, false, nil
}

// holds says whether a data center has a session of the sign-on. Where sign-ons are anchored the members have none any more.
func (v *assumed) holds(cluster string) bool {
	return mdc.SameName(cluster, v.s.At) || !v.a.Policy.Anchored && containsCluster(v.s.Members, cluster)
}

// since is from when the session at a data center is not confirmed; nil = it is, or there is none.
func (v *assumed) since(cluster string) *time.Time {
	if mdc.SameName(cluster, v.s.At) {
		return v.s.DegradedSince
	}
	return nil
}

// found is the rule of a session that is here: by its own id, or under that of elsewhere.
func (v *assumed) found() string {
	if mdc.SameName(v.at, v.s.At) {
		return FoundLocal
	}
	return FoundSSO
}

// password tells what signing in does for who is challenged.
func (v *assumed) password(ctx context.Context, f *Fate) error {
	if allows(f.Rule) {
		return nil
	}
	if f.Rule == ChallengeReauthenticate {
		o, err := consult(ctx, question{policy: v.a.Policy}, v)
		if err != nil {
			return err
		}
		f.Kept, f.From, f.Silent = o.keeps(), o.from, v.silent
	}
	granted, decided := partitioned(v.a.Policy, len(v.a.unheard(v.at)) > 0, f.Kept)
	switch {
	case v.a.Barred:
		f.SignIn = ChallengeUser
	case decided && !granted:
		f.SignIn = ChallengeLimit
	case v.a.Full(v.at):
		f.SignIn = ChallengeCapacity
	}
	return nil
}
