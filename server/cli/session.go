package cli

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/spf13/cobra"
)

func (p *program) session() *cobra.Command {
	var t target
	c := &cobra.Command{
		Use: "session", Short: "List, show and end people's sessions", Args: noSuchVerb, SuggestionsMinimumDistance: 2,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	t.register(c)
	c.AddCommand(p.sessionList(&t), p.sessionShow(&t), p.sessionEnd(&t), p.sessionKeys(&t))
	return c
}

func (p *program) sessionList(t *target) *cobra.Command {
	var f sessionFilter
	c := &cobra.Command{
		Use: "list", Short: "List the sessions of a data center", Args: noArgs,
		Long: "Lists the sessions of a data center. session show has more of each: when it began, when it ends, its\nclient and the rule that made it.",
		RunE: p.with(t, func(ctx context.Context, conn *connection, _ []string) error {
			all, err := client.All[wire.SessionView](ctx, conn.Client, "/v1/sessions", f.query())
			if err != nil {
				return err
			}
			return p.printSessions(all, t.output)
		}),
	}
	f.register(c)
	return c
}

// sessionFilter chooses sessions of a data center.
type sessionFilter struct {
	user, signOn, origin string
	degraded             bool
}

func (f *sessionFilter) register(c *cobra.Command) {
	c.Flags().StringVar(&f.user, "user", "", "only those of this `NAME`")
	c.Flags().StringVar(&f.signOn, "sign-on", "", "only those of the sign-in with this `ID`")
	c.Flags().StringVar(&f.origin, "from", "", "only those adopted from the data center `CLUSTER-ID`")
	c.Flags().BoolVar(&f.degraded, "degraded", false, "only those that no data center has confirmed yet")
}

func (f *sessionFilter) query() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{"user": f.user, "sso_id": f.signOn, "origin": f.origin} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if f.degraded {
		q.Set("degraded", "true")
	}
	return q
}

func (p *program) sessionShow(t *target) *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Show one session: where it came from, and by which rule", Args: oneSession,
		RunE: p.with(t, func(ctx context.Context, conn *connection, args []string) error {
			var v wire.SessionView
			if _, err := conn.Do(ctx, client.Request{Method: http.MethodGet, Path: client.Path("v1", "sessions", args[0]), Out: &v}); err != nil {
				return err
			}
			return p.printSession(v, t.output)
		}),
	}
}

func (p *program) sessionEnd(t *target) *cobra.Command {
	var user string
	c := &cobra.Command{
		Use: "end ID | end --user NAME", Short: "End a session in every data center", Args: oneSessionOrUser(&user),
		Long: "Ends the sign-on that the session belongs to, everywhere. Data centers that cannot be reached now\nare told when they return. --user ends every sign-on of a user that this data center knows.",
		RunE: p.with(t, func(ctx context.Context, conn *connection, args []string) error {
			if user != "" {
				return p.endUser(ctx, conn, user, t.output)
			}
			r, err := endSession(ctx, conn, args[0])
			if err != nil {
				return err
			}
			return p.printReceipt(r, t.output)
		}),
	}
	c.Flags().StringVar(&user, "user", "", "end all of this `NAME`")
	return c
}

func endSession(ctx context.Context, conn *connection, id string) (r wire.Receipt, err error) {
	_, err = conn.Do(ctx, client.Request{Method: http.MethodDelete, Path: client.Path("v1", "sessions", id), Out: &r})
	return r, err
}

// endUser ends one sign-on after the other; one that has ended meanwhile is none any more.
func (p *program) endUser(ctx context.Context, conn *connection, user, output string) error {
	all, err := client.All[wire.SessionView](ctx, conn.Client, "/v1/sessions", url.Values{"user": {user}})
	if err != nil {
		return err
	}
	receipts := []wire.Receipt{}
	for _, s := range all {
		r, err := endSession(ctx, conn, s.ID)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
		if err == nil {
			receipts = append(receipts, r)
		}
	}
	if output == "json" {
		return p.json(receipts)
	}
	var rows [][]string
	for _, r := range receipts {
		for _, id := range slices.Sorted(maps.Keys(r.DataCenters)) {
			rows = append(rows, []string{r.SSOID, id, r.DataCenters[id]})
		}
	}
	return p.table([]string{"SIGN-ON", "DATA CENTER", "SIGN-OUT"}, rows)
}

// oneSessionOrUser wants the id of one session, or a user.
func oneSessionOrUser(user *string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case *user == "":
			return oneSession(c, args)
		case len(args) > 0:
			return usage("give the ID of a session or --user, not both")
		}
		return nil
	}
}

// with connects before run and disconnects after it.
func (p *program) with(t *target, run func(context.Context, *connection, []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		conn, err := p.connect(*t)
		if err != nil {
			return err
		}
		defer conn.leave()
		return run(c.Context(), conn, args)
	}
}

func (p *program) printSessions(all []wire.SessionView, output string) error {
	if output == "json" {
		return p.json(append([]wire.SessionView{}, all...)) // [] and never null
	}
	rows := make([][]string, len(all))
	for i, s := range all {
		from := "-"
		if s.Origin != nil {
			from = s.Origin.ClusterID
		}
		rows[i] = []string{s.ID, s.User, moment(&s.LastAccess), from, or(strings.Join(s.Members, " "))}
	}
	return p.table([]string{"SESSION", "USER", "LAST ACCESS", "FROM", "MEMBERS"}, rows)
}

// oneSession wants the id of one session.
func oneSession(c *cobra.Command, args []string) error {
	if len(args) == 1 {
		return nil
	}
	return usage("which session? give one ID, as %s list shows them; one that starts with a dash goes behind --", c.Parent().CommandPath())
}

// printSession lays one session out line by line, because its groups and members may be long.
func (p *program) printSession(s wire.SessionView, output string) error {
	if output == "json" {
		return p.json(s)
	}
	from := "-"
	if s.Origin != nil {
		from = s.Origin.ClusterID + " " + s.Origin.SessionID
	}
	return p.table([]string{"SESSION", s.ID}, [][]string{
		{"USER", s.User}, {"SIGN-ON", or(s.SSOID)}, {"SIGNED IN", moment(&s.AuthenticatedAt)}, {"LAST ACCESS", moment(&s.LastAccess)},
		{"EXPIRES", moment(&s.ExpiresAt)}, {"CLIENT", or(s.ClientAddress)}, {"LEVEL", level(s)}, {"SCHEME", or(s.Scheme)}, {"RULE", or(s.Rule)}, {"FROM", from},
		{"CHAIN", or(strings.Join(s.Chain, " "))}, {"ANSWERS FOR", or(strings.Join(s.Index, " "))}, {"MEMBERS", or(strings.Join(s.Members, " "))},
		{"CONFIRMED", map[bool]string{true: "not yet", false: "yes"}[s.Degraded]},
	})
}

func (p *program) printReceipt(r wire.Receipt, output string) error {
	if output == "json" {
		return p.json(r)
	}
	var rows [][]string
	for _, id := range slices.Sorted(maps.Keys(r.DataCenters)) {
		rows = append(rows, []string{id, r.DataCenters[id]})
	}
	return p.table([]string{"DATA CENTER", "SIGN-OUT"}, rows)
}

// level says in which security domain a level counts, where that is not everywhere.
func level(s wire.SessionView) string {
	if s.LevelDomain == "" {
		return strconv.Itoa(s.Level)
	}
	return strconv.Itoa(s.Level) + " in " + s.LevelDomain
}
