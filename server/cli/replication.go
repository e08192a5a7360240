package cli

import "github.com/spf13/cobra"

func (p *program) replication() *cobra.Command {
	var t target
	c := &cobra.Command{
		Use: "replication", Short: "Look after the copies that data centers keep of one another", Args: noSuchVerb, SuggestionsMinimumDistance: 2,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	t.register(c)
	c.AddCommand(p.replicationConflicts(&t), p.replicationDivergences(&t))
	c.AddCommand(p.replicationVerbs(&t)...)
	return c
}
