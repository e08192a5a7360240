package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// trouble is a fault that nobody causes, as flags say it.
type trouble struct {
	dataCenter, partner, link, user, failOn, file string
}

func (p *program) simulate() *cobra.Command {
	var t target
	var f trouble
	c := &cobra.Command{
		Use: "simulate", Short: "What a fault would make of signed-in people and of administration", Args: noArgs,
		Example: "  concord simulate --data-center NYDC\n" +
			"  concord simulate --link NYDC,LDC --fail-on refused\n" +
			"  concord simulate --data-center NYDC --session-policy wanted.json",
		Long: "Decides as the data centers do when it happens, over links that are assumed to fail, together with\n" +
			"what does not work now; changes nothing. --session-policy FILE lays fields of a session policy, in\n" +
			"JSON as the API takes it, over the one in force. With --fail-on the exit code is 3 where somebody\n" +
			"would be challenged (or refused), or would be refused.",
		RunE: p.with(&t, func(ctx context.Context, conn *connection, _ []string) error {
			q, err := f.question()
			if err != nil {
				return err
			}
			v, err := conn.Simulate(ctx, q)
			if err != nil {
				return err
			}
			if err := p.printSimulation(v, t.output); err != nil {
				return err
			}
			return f.check(v)
		}),
	}
	l := c.Flags()
	l.StringVar(&f.dataCenter, "data-center", "", "this `CLUSTER_ID` is down")
	l.StringVar(&f.partner, "partner", "", "this `CLUSTER_ID` reaches no other one")
	l.StringVar(&f.link, "link", "", "`ID,ID`: these two do not reach each other")
	l.StringVar(&f.user, "user", "", "sign-ons of this `NAME`; without, anybody's")
	l.StringVar(&f.file, "session-policy", "", "`FILE` with fields that are not saved")
	l.StringVar(&f.failOn, "fail-on", "", "`OUTCOME` for exit code 3: challenged or refused")
	t.register(c)
	return c
}

func (f *trouble) question() (q wire.SimulationQuestion, err error) {
	given := 0
	for kind, id := range map[string]string{"data_center": f.dataCenter, "partner": f.partner, "link": f.link} {
		if id != "" {
			given++
			q.Fault = wire.SimulatedFault{Kind: kind, ClusterID: id}
		}
	}
	if given != 1 {
		return q, usage("say what fails with one of --data-center, --partner and --link")
	}
	if f.link != "" {
		var two bool
		if q.Fault.ClusterID, q.Fault.Other, two = strings.Cut(f.link, ","); !two || q.Fault.ClusterID == "" || q.Fault.Other == "" || strings.Contains(q.Fault.Other, ",") {
			return q, usage("--link %q is no link; write it as NYDC,LDC", f.link)
		}
	}
	if f.failOn != "" && f.failOn != wire.OutcomeChallenged && f.failOn != wire.OutcomeRefused {
		return q, usage("--fail-on %q is not one of challenged, refused", f.failOn)
	}
	if q.User = f.user; f.file == "" {
		return q, nil
	}
	text, err := readSmall(f.file)
	if err != nil {
		return q, fmt.Errorf("--session-policy: %w", err)
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&q.SessionPolicy); err != nil {
		return q, fmt.Errorf("--session-policy %s: is no session policy in JSON: %w", f.file, err)
	}
	return q, nil
}

// check is --fail-on: who is refused is challenged too.
func (f *trouble) check(v wire.Simulation) error {
	n := 0
	for _, r := range v.People {
		if r.Outcome == wire.OutcomeRefused || r.Outcome == f.failOn {
			n++
		}
	}
	if f.failOn == "" || n == 0 {
		return nil
	}
	return checkError{fmt.Sprintf("people would be %s in %d of %d cases", f.failOn, n, len(v.People))}
}

func (p *program) printSimulation(v wire.Simulation, output string) error {
	if output == "json" {
		return p.json(v)
	}
	var people, centers, agreements, promotions [][]string
	var about []note
	for _, r := range v.People {
		about = append(about, note{"from " + r.Origin + " at " + r.At, []line{{"", r.Sentence}}})
		for _, l := range r.Lost {
			about[len(about)-1].lines = append(about[len(about)-1].lines, line{l.What, l.Detail + " Lost " + l.Until + "."})
		}
		people = append(people, []string{r.Origin, r.At, r.Outcome, r.Rule, or(r.Row), or(r.Lasts)})
	}
	for _, c := range v.DataCenters {
		users := yesNo(c.GetsUsers)
		if c.TakesOver {
			users = "takes over"
		}
		centers = append(centers, []string{c.ClusterID, or(c.Role), yesNo(c.Answers), users, occupied(c)})
	}
	a := v.Administration
	for _, g := range a.Agreements {
		agreements = append(agreements, []string{g.Source, g.Target, g.State, entries(g.LagEntries), yesNo(g.Stops)})
	}
	for _, g := range a.Promotions {
		way := "no"
		if g.Possible {
			way = map[bool]string{true: "by force", false: "planned"}[g.Forced]
		}
		promotions = append(promotions, []string{g.ClusterID, way, entries(g.LagEntries)})
		if g.Reason != "" {
			about = append(about, note{"promotion of " + g.ClusterID, []line{{"", g.Reason}}})
		}
	}
	about = append(about, simulationNotes(v)...)
	err := p.tables(section{[]string{"FROM", "AT", "OUTCOME", "RULE", "ROW", "LASTS"}, people},
		section{[]string{"DATA CENTER", "ROLE", "ANSWERS", "GETS USERS", "SESSIONS"}, centers},
		section{[]string{"MASTER", or(a.Master)}, [][]string{{"CHANGES", yesNo(a.WritesPossible)}}},
		section{[]string{"SOURCE", "TARGET", "STATE", "LAG", "STOPS"}, agreements},
		section{[]string{"CLONE", "PROMOTION", "LAG"}, promotions})
	if err != nil {
		return err
	}
	return p.notes(about...)
}

func simulationNotes(v wire.Simulation) (out []note) {
	if r := v.Administration.Reason; r != "" {
		out = append(out, note{"changes", []line{{"", r}}})
	}
	for _, s := range v.IdentityStores {
		if s.Affected != "no" {
			out = append(out, note{"identity store " + s.Name, []line{{"affected", s.Affected}, {"", s.Sentence}}})
		}
	}
	for _, e := range v.Present {
		out = append(out, note{"already now, " + e.From + " to " + e.To, []line{{"reason", or(e.Reason)}}})
	}
	for _, n := range v.Notes {
		out = append(out, note{"note", []line{{"", n}}})
	}
	return out
}

func occupied(c wire.SimulatedDataCenter) string {
	if c.Sessions == nil || c.SessionCapacity == nil {
		return "-"
	}
	return fmt.Sprintf("%d of %d", *c.Sessions, *c.SessionCapacity)
}

func entries(n *uint64) string {
	if n == nil {
		return "-"
	}
	return strconv.FormatUint(*n, 10)
}
