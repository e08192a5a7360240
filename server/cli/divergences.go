package cli

import (
	"context"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// replicationDivergences are the verbs for what administrators changed on a write-enabled clone.
func (p *program) replicationDivergences(t *target) *cobra.Command {
	c := &cobra.Command{
		Use: "divergences", Short: "List and discard what was changed on a write-enabled clone", Args: usageArgs(cobra.NoArgs),
		Long: "Lists the objects that the clone holds otherwise than its master. Each stays in force there until it is discarded or the\n" +
			"master has the same. Exit code 3 says that there are some.",
		RunE: p.with(t, func(ctx context.Context, conn *connection, _ []string) error {
			all, err := client.All[wire.Divergence](ctx, conn.Client, "/v1/replication/divergences", nil)
			if err != nil {
				return err
			}
			if err := p.printDivergences(all, t.output); err != nil || len(all) == 0 {
				return err
			}
			return checkError{"this clone differs from its master; make these changes on the master, or discard them"}
		}),
	}
	c.AddCommand(&cobra.Command{Use: "discard KIND NAME", Short: "Let the master's object count again", Args: usageArgs(cobra.ExactArgs(2)),
		RunE: p.with(t, func(ctx context.Context, conn *connection, args []string) error {
			_, err := conn.Do(ctx, client.Request{Method: http.MethodDelete, Path: client.Path("v1", "replication", "divergences", args[0], args[1])})
			return err
		})})
	return c
}

func (p *program) printDivergences(all []wire.Divergence, output string) error {
	if output == "json" {
		return p.json(append([]wire.Divergence{}, all...))
	}
	rows := make([][]string, len(all))
	for i, d := range all {
		rows[i] = []string{d.Kind, d.Name, d.Operation, d.Actor, moment(&d.Time), yesNo(d.MasterChanged)}
	}
	return p.table([]string{"KIND", "NAME", "DID", "BY", "TIME", "MASTER CHANGED IT SINCE"}, rows)
}
