package cli

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/concord-access/terraform-provider-concord/internal/client"
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
	c.AddCommand(p.sessionList(&t), p.sessionShow(&t), p.sessionEnd(&t))
	return c
}

func (p *program) sessionList(t *target) *cobra.Command {
	var user string
	c := &cobra.Command{
		Use: "list", Short: "List the sessions of a data center", Args: noArgs,
		RunE: p.with(t, func(ctx context.Context, conn *connection, _ []string) error {
			query := url.Values{}
			if user != "" {
				query.Set("user", user)
			}
			all, err := client.All[wire.SessionView](ctx, conn.Client, "/v1/sessions", query)
			if err != nil {
				return err
			}
			return p.printSessions(all, t.output)
		}),
	}
	c.Flags().StringVar(&user, "user", "", "only those of this `NAME`")
	return c
}

func (p *program) sessionShow(t *target) *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Show one session, its origin and its members", Args: oneSession,
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
	return &cobra.Command{
		Use: "end ID", Short: "End a session in every data center", Args: oneSession,
		Long: "Ends the sign-on that the session belongs to, everywhere. Data centers that cannot be reached now\nare told when they return.",
		RunE: p.with(t, func(ctx context.Context, conn *connection, args []string) error {
			var r wire.Receipt
			if _, err := conn.Do(ctx, client.Request{Method: http.MethodDelete, Path: client.Path("v1", "sessions", args[0]), Out: &r}); err != nil {
				return err
			}
			return p.printReceipt(r, t.output)
		}),
	}
}

// with connects before run and disconnects after it.
func (p *program) with(t *target, run func(context.Context, *connection, []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		conn, err := p.connect(*t)
		if err != nil {
			return err
		}
		defer conn.Close()
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
		rows[i] = []string{s.ID, s.User, moment(&s.AuthenticatedAt), moment(&s.LastAccess), moment(&s.ExpiresAt), from, or(strings.Join(s.Members, " "))}
	}
	return p.table([]string{"SESSION", "USER", "SIGNED IN", "LAST ACCESS", "EXPIRES", "FROM", "MEMBERS"}, rows)
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
		from = s.Origin.ClusterID
	}
	return p.table([]string{"SESSION", s.ID}, [][]string{
		{"USER", s.User}, {"SIGN-ON", or(s.SSOID)}, {"SIGNED IN", moment(&s.AuthenticatedAt)}, {"LAST ACCESS", moment(&s.LastAccess)},
		{"EXPIRES", moment(&s.ExpiresAt)}, {"FROM", from}, {"MEMBERS", or(strings.Join(s.Members, " "))},
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
