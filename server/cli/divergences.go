package cli

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// replicationDivergences are the verbs for what administrators changed on a write-enabled clone.
func (p *program) replicationDivergences(t *target) *cobra.Command {
	c := &cobra.Command{
		Use: "divergences", Short: "List and discard what was changed on a write-enabled clone", Args: usageArgs(cobra.NoArgs),
		Long: "Lists the objects that the clone holds otherwise than its master. Each stays in force there until it\n" +
			"is discarded or the master overrules it. Ask the clone; a master says which clones have some.\n" +
			"Exit code 3 says that there are some.",
		RunE: p.with(t, func(ctx context.Context, conn *connection, _ []string) error {
			all, err := client.All[wire.Divergence](ctx, conn.Client, "/v1/replication/divergences", nil)
			if err != nil {
				return err
			}
			if len(all) == 0 {
				master, err := conn.isMaster(ctx)
				if err != nil {
					return err
				}
				if master {
					return p.divergedClones(ctx, conn, t.output)
				}
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

func (c *connection) isMaster(ctx context.Context) (bool, error) {
	var d wire.DataCenterView
	_, err := c.Do(ctx, client.Request{Method: http.MethodGet, Path: "/v1/data-center", Out: &d})
	return d.Role == "master", err
}

// divergedClones is the answer of a master, which knows how many divergences a clone has and not which.
func (p *program) divergedClones(ctx context.Context, conn *connection, output string) error {
	var v wire.ReplicationStatus
	if _, err := conn.Do(ctx, client.Request{Method: http.MethodGet, Path: "/v1/replication/status", Out: &v}); err != nil {
		return err
	}
	partners, err := client.All[wire.PartnerView](ctx, conn.Client, "/v1/partners", nil)
	if err != nil {
		return err
	}
	var rows [][]string
	for _, a := range v.Agreements {
		if a.Diverged == 0 {
			continue
		}
		address := ""
		for _, other := range partners {
			if strings.EqualFold(other.ClusterID, a.Target) {
				address = other.RESTEndpoint
			}
		}
		rows = append(rows, []string{a.Target, strconv.Itoa(a.Diverged), or(address)})
	}
	if output == "json" {
		err = p.json([]wire.Divergence{}) // none is here
	} else if len(rows) == 0 {
		_, err = fmt.Fprintln(p.stdout, v.ID+" is the master. Divergences are listed at the clone that has them; none has any now.")
	} else {
		err = p.table([]string{"CLONE", "DIVERGENCES", "ADMIN ADDRESS"}, rows)
	}
	if err != nil || len(rows) == 0 {
		return err
	}
	return checkError{v.ID + " is the master; divergences are listed at the clone: ask it with --endpoint and a token and root of its own"}
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
