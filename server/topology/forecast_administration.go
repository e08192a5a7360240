package topology

import (
	"fmt"
	"slices"
	"strings"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Ways to a promotion.
const (
	PromotionPlanned = "planned" // the master hands over, and nothing is lost
	PromotionForced  = "forced"  // with force, whatever is lost
)

// Promotion says whether a clone can become the master under the outage.
type Promotion struct {
	Way    string  // Promotion…; "" = not at all
	Reason string  // why not, or why only by force
	Lag    *uint64 // entries of the master that it lacks now, which a forced promotion loses; nil = not known
}

// settle works out what follows for administration and for users.
func (f *Forecast) settle(own *mdc.DataCenter, views []View, members []string) {
	f.Writes = f.writes(own, views, members)
	f.Agreements = f.halts(views)
	for i := range f.Centers {
		c := &f.Centers[i]
		c.Answers = f.Up(c.ClusterID)
		c.NoUsers, c.TakesOver = f.users(c)
		c.Promotion = f.promotion(c, members)
	}
}

func (f *Forecast) center(id string) *Prospect {
	for i := range f.Centers {
		if mdc.SameName(f.Centers[i].ClusterID, id) {
			return &f.Centers[i]
		}
	}
	return &Prospect{ClusterID: id}
}

// master is who takes changes now, as far as is known here.
func (f *Forecast) master(own *mdc.DataCenter, views []View) string {
	for _, v := range views {
		if v.Side == mdc.SideClone {
			return v.Source
		}
	}
	if own.Role == mdc.RoleClone {
		return ""
	}
	return f.self
}

func (f *Forecast) writes(own *mdc.DataCenter, views []View, members []string) Writes {
	w := Writes{Master: f.master(own, views)}
	m := f.center(w.Master)
	w.Requires = m.hello.WriteRequires
	have, need := f.counted(w.Master, members)
	switch {
	case w.Master == "":
		w.Reason = "No master is known here."
	case !f.Up(w.Master) && !slices.ContainsFunc(f.Centers, func(c Prospect) bool { return c.Role == mdc.RoleClone }):
		w.Reason = fmt.Sprintf("%s does not answer, and no clone could take its place.", w.Master)
	case !f.Up(w.Master):
		w.Reason = fmt.Sprintf("%s is the master and does not answer: nobody takes changes until a clone is promoted.", w.Master)
	case w.Requires == mdc.WriteMajority && have < need:
		w.Reason = fmt.Sprintf("%s asks for a majority (write_requires), and %d of the %d data centers that it needs would have a change.", w.Master, have, need)
	case f.Outage.Kind == OutagePartner && mdc.SameName(f.Outage.ClusterID, w.Master):
		w.Possible, w.Reason = true, fmt.Sprintf("At %s alone, by whoever reaches its admin listener; its clones get the changes when they reach it again.", w.Master)
	default:
		w.Possible = true
	}
	return w
}

// counted is how many members would have a change of the master, itself included, and how many a majority is.
func (f *Forecast) counted(master string, members []string) (have, need int) {
	all := 1
	have = 1
	for _, id := range members {
		if mdc.SameName(id, master) {
			continue
		}
		all++
		if f.Reach(id, master) == Answered {
			have++
		}
	}
	return have, all/2 + 1
}

// halts lists the agreements: those that are kept here, and those of others as their edges tell.
func (f *Forecast) halts(views []View) (out []Halt) {
	known := map[[2]string]bool{}
	for _, v := range views {
		known[pair(v.Source, v.Target)] = true
		lag := v.LagEntries
		out = append(out, Halt{Name: v.Name, Identifier: v.Identifier, Source: v.Source, Target: v.Target, State: v.State, Lag: &lag, Stops: f.Reach(v.Target, v.Source) != Answered})
	}
	for _, from := range f.Centers {
		for _, to := range f.Centers {
			e := f.edges[pair(from.ClusterID, to.ClusterID)]
			if e.Agreement == "" || known[pair(e.From, e.To)] || known[pair(e.To, e.From)] || !mdc.SameName(from.ClusterID, f.Writes.Master) {
				continue
			}
			known[pair(e.From, e.To)] = true
			out = append(out, Halt{Source: from.ClusterID, Target: to.ClusterID, State: e.Agreement, Stops: f.Reach(to.ClusterID, from.ClusterID) != Answered})
		}
	}
	return out
}

// users says why a data center should get no users, by the rule of NoUsers once the outage has lasted TakeOver.
func (f *Forecast) users(c *Prospect) (why string, takesOver bool) {
	switch {
	case !f.Up(c.ClusterID):
		return "it does not answer", false
	case c.Availability == mdc.AvailabilityPassive:
		return "it is passive until an administrator declares it active", false
	case c.Availability != mdc.AvailabilityHotStandby:
		return "", false
	}
	for i := range f.Centers {
		other := &f.Centers[i]
		if !mdc.SameName(other.ClusterID, c.ClusterID) && f.Registered(c.ClusterID, other.ClusterID) && f.Reach(c.ClusterID, other.ClusterID) == Answered && other.hello.serves() {
			return "it is a hot standby, and " + other.ClusterID + " serves", false
		}
	}
	return "", true
}

func (f *Forecast) promotion(c *Prospect, members []string) Promotion {
	if c.Role != mdc.RoleClone {
		return Promotion{}
	}
	p := Promotion{Lag: f.lag(c)}
	have, need := f.counted(c.ClusterID, members)
	switch {
	case !f.Up(c.ClusterID):
		p.Reason = "it does not answer"
	case f.state(c) == mdc.AgreementBootstrapping:
		p.Reason = "it has no whole copy of the configuration (no_copy)"
	case f.Writes.Master == "" || f.Reach(c.ClusterID, f.Writes.Master) != Answered:
		p.Way, p.Reason = PromotionForced, "the master cannot be asked (master_unreachable): what it acknowledged and did not send yet is lost"
	case c.hello.Edits > 0:
		p.Way, p.Reason = PromotionForced, fmt.Sprintf("it holds %d changes of its own (diverged)", c.hello.Edits)
	default:
		p.Way = PromotionPlanned
	}
	if p.Way != "" && c.hello.WriteRequires == mdc.WriteMajority && have < need {
		p.Reason = strings.TrimPrefix(fmt.Sprintf("%s; it then takes no changes, since it asks for a majority of %d and reaches %d", p.Reason, need, have), "; ")
	}
	return p
}

// state is that of a clone's agreement with the master; "" = not known.
func (f *Forecast) state(c *Prospect) string {
	for _, h := range f.Agreements {
		if mdc.SameName(h.Target, c.ClusterID) {
			return h.State
		}
	}
	return ""
}

// lag is what a clone lacks now, by its agreement or by what both say of themselves.
func (f *Forecast) lag(c *Prospect) *uint64 {
	for _, h := range f.Agreements {
		if mdc.SameName(h.Target, c.ClusterID) && h.Lag != nil {
			return h.Lag
		}
	}
	m := f.center(f.Writes.Master)
	if m.hello.Sequence == 0 || c.hello.Sequence == 0 || m.hello.Epoch != c.hello.Epoch {
		return nil
	}
	lag := uint64(0)
	if m.hello.Sequence > c.hello.Sequence {
		lag = m.hello.Sequence - c.hello.Sequence
	}
	return &lag
}
