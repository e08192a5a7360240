package session

import (
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// losses lists what a fate costs.
func (a *Assumption) losses(f *Fate) (out []Loss) {
	lose := func(so bool, what string, of []string) {
		if so {
			out = append(out, Loss{what, of})
		}
	}
	cookie := f.Rule == AdoptedAlone || f.Rule == AdoptedCookie
	cut, unheard := a.cut(f.At), a.unheard(f.At)
	lose(!f.Served() && !f.Kept, LossSession, f.Silent)
	lose(cookie || f.Kept && f.From == "", LossAttributes, f.Silent)
	lose(cookie && a.Policy.GitoCookieDomain == "", LossIdleTime, f.Silent)
	lose((f.Served() || f.Kept) && len(cut) > 0, LossSignOuts, cut)
	lose(f.SignIn == "" && a.Policy.MaxSessionsPerUser > 0 && len(unheard) > 0 && (f.Served() || a.Policy.MaxSessionsWhenPartitioned != mdc.PartitionedDeny), LossLimit, unheard)
	lose(f.Rule == AdoptedAlone && a.Policy.Anchored, LossAnchor, f.Silent)
	return out
}

// unheard are the registered partners of a data center that do not answer it: a limit cannot be counted there.
func (a *Assumption) unheard(at string) (out []string) {
	for _, all := range [][]string{a.Up, a.Down} {
		for _, id := range all {
			if !mdc.SameName(id, at) && a.Registered(at, id) && a.Reach(at, id) != Reaches {
				out = append(out, id)
			}
		}
	}
	return out
}

// cut are the data centers whose sign-outs do not come to at, not even by way of others, which relay them (FLT-11).
func (a *Assumption) cut(at string) (out []string) {
	near := []string{at}
	for i := 0; i < len(near); i++ {
		for _, id := range a.Up {
			if !containsCluster(near, id) && a.hear(near[i], id) {
				near = append(near, id)
			}
		}
	}
	for _, all := range [][]string{a.Up, a.Down} {
		for _, id := range all {
			if !containsCluster(near, id) && (a.Registered(at, id) || a.Registered(id, at)) {
				out = append(out, id)
			}
		}
	}
	return out
}

// hear says whether two data centers exchange sign-outs: one of them is enough to push or to ask.
func (a *Assumption) hear(one, other string) bool {
	return a.Registered(one, other) && a.Registered(other, one) && (a.Reach(one, other) == Reaches || a.Reach(other, one) == Reaches)
}
