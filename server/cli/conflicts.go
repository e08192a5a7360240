package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// replicationConflicts are the verbs for changes that lost against a promotion.
func (p *program) replicationConflicts(t *target) *cobra.Command {
	var at string
	c := &cobra.Command{
		Use: "conflicts", Short: "List, show, reapply and remove what a promotion, a first copy or a repair replaced", Args: noSuchVerb, SuggestionsMinimumDistance: 2,
		Long: "A master that was overtaken keeps the changes that the new master does not have; a data center that\n" +
			"becomes a clone keeps the objects of its own that the first copy replaces; a clone that was open for\n" +
			"writes keeps what was changed there when that is discarded. Ask the master with --at and the cluster\n" +
			"id of the data center that keeps them; look at each change, and reapply those that are still wanted.\n" +
			"Then remove the file, at the data center that keeps it.",
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.PersistentFlags().StringVar(&at, "at", "", "the clone `CLUSTER-ID` keeps it (default: who answers)")
	c.AddCommand(p.conflictList(t, &at), p.conflictShow(t, &at), p.conflictReapply(t, &at), p.conflictRemove(t, &at))
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
			var page wire.Conflicts
			if _, err := conn.Do(ctx, client.Request{Method: http.MethodGet, Path: "/v1/replication/conflicts", Query: at(*cluster), Out: &page}); err != nil {
				return err
			}
			if len(page.SilentNodes) > 0 {
				fmt.Fprintf(p.stderr, "concord: the list may lack some: %s did not answer\n", strings.Map(printable, strings.Join(page.SilentNodes, ", "))) //nolint:errcheck // nobody is left to tell
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
				return elsewhere(err, *cluster)
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
	var digest string
	c := &cobra.Command{Use: "reapply ID SEQUENCE", Short: "Apply one change anew, at the master", Args: usageArgs(cobra.ExactArgs(2)),
		Long: "Writes the change as your own, under every rule of a write: what the master has under that name now\nis replaced. With --at the data center that keeps the file could tell something else than it showed:\n" +
			"give the digest of the change that you looked at, and nothing else is written.",
		RunE: p.with(t, func(ctx context.Context, conn *connection, args []string) error {
			sequence, err := strconv.ParseUint(args[1], 10, 64)
			if err != nil || sequence == 0 {
				return usage("%q is no sequence; concord replication conflicts show %s lists them", args[1], args[0])
			}
			if *cluster != "" && digest == "" {
				return usage("give --digest, as concord replication conflicts show %s --at %s lists it: what another data center keeps is written only as it was shown", args[0], *cluster)
			}
			var v wire.ConflictChange
			if _, err := conn.Do(ctx, client.Request{Method: http.MethodPost, Path: client.Path("v1", "replication", "conflicts", args[0], "reapply"),
				In: wire.Reapply{Sequence: sequence, ClusterID: *cluster, Digest: digest}, Out: &v}); err != nil {
				return elsewhere(err, *cluster)
			}
			return p.printChanges([]wire.ConflictChange{v}, t.output)
		})}
	c.Flags().StringVar(&digest, "digest", "", "the change's `DIGEST`, as show lists it (needed with --at)")
	return c
}

func (p *program) conflictRemove(t *target, cluster *string) *cobra.Command {
	return &cobra.Command{Use: "remove ID", Short: "Remove a conflict file that is no longer needed", Args: usageArgs(cobra.ExactArgs(1)),
		Long: "Removes a file of the data center at the endpoint for good, and says so in its audit. One that a\nclone keeps is removed at the clone.",
		RunE: p.with(t, func(ctx context.Context, conn *connection, args []string) error {
			if *cluster != "" {
				return usage("a conflict file is removed at the data center that keeps it: give that one's --endpoint instead of --at")
			}
			_, err := conn.Do(ctx, client.Request{Method: http.MethodDelete, Path: client.Path("v1", "replication", "conflicts", args[0])})
			return err
		})}
}

// elsewhere adds to the refusal of an unknown file where it may lie.
func elsewhere(err error, cluster string) error {
	if cluster != "" || !fault.Is(err, fault.NotFound) {
		return err
	}
	return fmt.Errorf("%w\nIf another data center keeps it, ask the master with --at CLUSTER-ID; concord replication conflicts list --at CLUSTER-ID shows its files", err)
}

func (p *program) printChanges(all []wire.ConflictChange, output string) error {
	if output == "json" {
		return p.json(append([]wire.ConflictChange{}, all...))
	}
	rows := make([][]string, len(all))
	for i, v := range all {
		rows[i] = []string{number(v.Sequence), v.Operation, v.Kind + "/" + v.Name, v.Actor, or(v.Digest)}
	}
	return p.table([]string{"SEQUENCE", "DID", "OBJECT", "BY", "DIGEST"}, rows)
}
