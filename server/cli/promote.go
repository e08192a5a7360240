package cli

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

func (p *program) promote() *cobra.Command {
	return p.mastership("promote", "Make a clone the master",
		"Asks the clone at the endpoint to take its master's place. The master holds changes until the clone\n"+
			"has all of them, and becomes a clone itself: nothing is lost. Where it cannot be reached, or the\n"+
			"clone lags, the answer says which sequences would be lost, and --force accepts that. What the former\n"+
			"master took after that is kept there: see concord replication conflicts.")
}

func (p *program) demote() *cobra.Command {
	return p.mastership("demote", "Hand the master's role to a clone",
		"Asks the master at the endpoint to hand over to a clone, by the same handover as promote. With\n"+
			"--force it steps down also when no clone can take over; then nobody takes changes until a data\n"+
			"center is promoted.")
}

// mastership is the verb that changes it in one of the two directions.
func (p *program) mastership(verb, short, long string) *cobra.Command {
	var t target
	var in wire.MastershipChange
	var wait time.Duration
	c := &cobra.Command{Use: verb, Short: short, Long: long, Args: usageArgs(cobra.NoArgs),
		RunE: p.with(&t, func(ctx context.Context, conn *connection, _ []string) error {
			if wait <= 0 || wait > time.Minute {
				return usage("--wait must be above 0s, up to 1m")
			}
			in.Wait = wait.String()
			var out wire.MastershipOutcome
			_, err := conn.Do(ctx, client.Request{Method: http.MethodPost, Path: "/v1/data-center/" + verb, In: in, Out: &out, Timeout: wait + 30*time.Second})
			if err != nil {
				return err
			}
			return p.printOutcome(out, t.output)
		})}
	t.register(c)
	c.Flags().BoolVar(&in.Force, "force", false, "also without the other side's consent, whatever is lost")
	c.Flags().DurationVar(&wait, "wait", 5*time.Second, "how long the new master may take to catch up, `DURATION`")
	if verb == "demote" {
		c.Flags().StringVar(&in.To, "to", "", "`CLUSTER-ID` of the successor (default: the clone that has most)")
	}
	return c
}

func (p *program) printOutcome(o wire.MastershipOutcome, output string) error {
	if output == "json" {
		return p.json(o)
	}
	lost := "nothing"
	switch {
	case o.Lost != nil && o.MayBeLost:
		lost = fmt.Sprintf("%d to %d, and what came after", o.Lost.First, o.Lost.Last)
	case o.Lost != nil:
		lost = fmt.Sprintf("%d to %d", o.Lost.First, o.Lost.Last)
	case o.MayBeLost:
		lost = "what the former master never sent"
	}
	base := "-"
	if o.Changed {
		base = number(o.BaseSequence)
	}
	return p.table([]string{"DATA CENTER", "ROLE", "MASTER", "EPOCH", "FROM SEQUENCE", "CHANGED", "FORCED", "LOST"},
		[][]string{{o.ID, o.Role, or(o.Master), number(o.Epoch), base, yesNo(o.Changed), yesNo(o.Forced), lost}})
}
