package cli

import (
	"context"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// partnerTestTime is longer than the server takes for both directions.
const partnerTestTime = 45 * time.Second

func (p *program) partner() *cobra.Command {
	var t target
	c := &cobra.Command{
		Use: "partner", Short: "List and test the other data centers", Args: noSuchVerb, SuggestionsMinimumDistance: 2,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	t.register(c)
	c.AddCommand(p.partnerList(&t), p.partnerTest(&t))
	return c
}

func (p *program) partnerList(t *target) *cobra.Command {
	return &cobra.Command{Use: "list", Short: "List the registered data centers", Args: usageArgs(cobra.NoArgs),
		RunE: p.with(t, func(ctx context.Context, conn *connection, _ []string) error {
			all, err := client.All[wire.PartnerView](ctx, conn.Client, "/v1/partners", nil)
			if err != nil {
				return err
			}
			if t.output == "json" {
				return p.json(append([]wire.PartnerView{}, all...))
			}
			return p.table([]string{"PARTNER", "REACHABLE", "CERTIFICATE EXPIRES", "ADDRESSES"}, partnerRows(all))
		})}
}

func (p *program) partnerTest(t *target) *cobra.Command {
	return &cobra.Command{Use: "test CLUSTER-ID", Short: "Test a data center step by step, in both directions", Args: usageArgs(cobra.ExactArgs(1)),
		Long: "Tests each step from the data center at the endpoint to the partner, and has the partner test its\nway back. It changes nothing. Exit code 3 says that a step failed; one that the partner does not let\nbe made is skipped, which is no failure.",
		RunE: p.with(t, func(ctx context.Context, conn *connection, args []string) error {
			var v wire.PartnerTest
			if _, err := conn.Do(ctx, client.Request{Method: http.MethodPost, Path: client.Path("v1", "partners", args[0], "test"), Out: &v, Timeout: partnerTestTime}); err != nil {
				return err
			}
			if err := p.printPartnerTest(v, t.output); err != nil || v.Result == wire.ResultPass {
				return err
			}
			return checkError{"the test of " + v.ID + " failed"}
		})}
}

func (p *program) printPartnerTest(v wire.PartnerTest, output string) error {
	if output == "json" {
		return p.json(v)
	}
	rows := make([][]string, len(v.Checks))
	for i, c := range v.Checks {
		rows[i] = []string{c.Direction, c.Name, c.Result, or(c.Detail)}
	}
	return p.table([]string{"DIRECTION", "CHECK", "RESULT", "DETAIL"}, rows)
}
