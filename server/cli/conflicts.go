package cli

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// replicationConflicts are the verbs for changes that lost against a promotion.
func (p *program) replicationConflicts(t *target) *cobra.Command {
	var at string
	c := &cobra.Command{
		Use: "conflicts", Short: "List, show and reapply what a promotion or a first copy replaced", Args: usageArgs(cobra.NoArgs),
		Long: "A master that was overtaken keeps the changes that the new master does not have; a data center that becomes a clone keeps\n" +
			"the objects of its own that the first copy replaces. Ask the master with --at and the cluster id of the data center that\n" +
			"keeps them; look at each change, and reapply those that are still wanted.",
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.PersistentFlags().StringVar(&at, "at", "", "`CLUSTER-ID` of the clone that keeps the file (default: the data center at the endpoint)")
	c.AddCommand(p.conflictList(t, &at), p.conflictShow(t, &at), p.conflictReapply(t, &at))
	return c
}

func at(cluster string) url.Values {
	q := url.Values{}
	if cluster != "" {
		q.Set("cluster_id", cluster)
	}
	return q
}

func (p *program) conflictList(t *target, cluster *string) *cobra.Command {
	return &cobra.Command{Use: "list", Short: "List the conflict files", Args: usageArgs(cobra.NoArgs),
		RunE: p.with(t, func(ctx context.Context, conn *connection, _ []string) error {
			var page wire.Page[wire.Conflict]
			if _, err := conn.Do(ctx, client.Request{Method: http.MethodGet, Path: "/v1/replication/conflicts", Query: at(*cluster), Out: &page}); err != nil {
				return err
			}
			if t.output == "json" {
				return p.json(append([]wire.Conflict{}, page.Items...))
			}
			rows := make([][]string, len(page.Items))
			for i, k := range page.Items {
				rows[i] = []string{k.ID, k.Reason, k.ClusterID, number(k.Epoch) + "/" + k.EpochHolder, number(k.Winner) + "/" + k.WinnerHolder, number(k.BaseSequence), strconv.Itoa(k.Records), yesNo(k.Complete)}
			}
			return p.table([]string{"CONFLICT", "REASON", "AT", "EPOCH", "LOST AGAINST", "AFTER SEQUENCE", "CHANGES", "COMPLETE"}, rows)
		})}
}

func (p *program) conflictShow(t *target, cluster *string) *cobra.Command {
	return &cobra.Command{Use: "show ID", Short: "Show the changes of a conflict file", Args: usageArgs(cobra.ExactArgs(1)),
		RunE: p.with(t, func(ctx context.Context, conn *connection, args []string) error {
			all, err := conn.lostChanges(ctx, args[0], *cluster)
			if err != nil {
				return err
			}
			return p.printChanges(all, t.output)
		})}
}

// lostChanges reads a file page by page.
func (c *connection) lostChanges(ctx context.Context, id, cluster string) (all []wire.ConflictChange, err error) {
	q := at(cluster)
	for {
		var v wire.ConflictView
		if _, err := c.Do(ctx, client.Request{Method: http.MethodGet, Path: client.Path("v1", "replication", "conflicts", id), Query: q, Out: &v}); err != nil {
			return nil, err
		}
		all = append(all, v.Changes...)
		if v.NextAfter == 0 {
			return all, nil
		}
		q.Set("after", number(v.NextAfter))
	}
}

func (p *program) conflictReapply(t *target, cluster *string) *cobra.Command {
	return &cobra.Command{Use: "reapply ID SEQUENCE", Short: "Apply one change anew, at the master", Args: usageArgs(cobra.ExactArgs(2)),
		Long: "Writes the change as your own, under every rule of a write: what the master has under that name now is replaced.",
		RunE: p.with(t, func(ctx context.Context, conn *connection, args []string) error {
			sequence, err := strconv.ParseUint(args[1], 10, 64)
			if err != nil || sequence == 0 {
				return usage("%q is no sequence; concord replication conflicts show %s lists them", args[1], args[0])
			}
			var v wire.ConflictChange
			if _, err := conn.Do(ctx, client.Request{Method: http.MethodPost, Path: client.Path("v1", "replication", "conflicts", args[0], "reapply"),
				In: wire.Reapply{Sequence: sequence, ClusterID: *cluster}, Out: &v}); err != nil {
				return err
			}
			return p.printChanges([]wire.ConflictChange{v}, t.output)
		})}
}

func (p *program) printChanges(all []wire.ConflictChange, output string) error {
	if output == "json" {
		return p.json(append([]wire.ConflictChange{}, all...))
	}
	rows := make([][]string, len(all))
	for i, v := range all {
		rows[i] = []string{number(v.Sequence), moment(&v.Time), v.Actor, v.Operation, v.Kind, v.Name}
	}
	return p.table([]string{"SEQUENCE", "TIME", "BY", "DID", "KIND", "NAME"}, rows)
}
