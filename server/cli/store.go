package cli

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/concord-access/terraform-provider-concord/server/app"
	"github.com/concord-access/terraform-provider-concord/server/config"
)

func (p *program) store() *cobra.Command {
	c := &cobra.Command{Use: "store", Short: "Move a stopped node's data to another kind of store", Args: noSuchVerb,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(p.storeMigrate())
	return c
}

func (p *program) storeMigrate() *cobra.Command {
	var from, to, output string
	var overwrite bool
	c := &cobra.Command{
		Use: "migrate", Short: "Copy all data from one store to another, and verify it", Args: noArgs,
		Long: "Copies configuration, journal, certificates, audit and sessions of a node that is stopped from\n" +
			"the store that one file names to the store that another file names: from Badger to etcd or\n" +
			"back. Both files name the same data_dir, or the target's already holds node.key. The copy is\n" +
			"compared with the source; the source stays as it is. A run that was cut off is repeated by the\n" +
			"same command. Afterwards a node with the former file does not start.",
		Example: "  concord store migrate --from badger:/var/lib/concord --to etcd.hcl",
		RunE: func(c *cobra.Command, _ []string) error {
			if from == "" || to == "" {
				return usage("from where to where? give --from FILE or badger:DIR, and --to likewise")
			}
			if err := knownForm(output); err != nil {
				return err
			}
			source, err := storeAt(from)
			if err != nil {
				return err
			}
			target, err := storeAt(to)
			if err != nil {
				return err
			}
			private()
			ctx, stop := untilSignal(c.Context())
			defer stop()
			m, err := app.MigrateStore(ctx, app.Move{From: source, To: target, Overwrite: overwrite, Logger: slog.New(slog.DiscardHandler),
				Progress: func(space string, records uint64) { fmt.Fprintf(p.stderr, "%s: %d records copied\n", space, records) }}) //nolint:errcheck // nobody is left to tell
			if err != nil {
				return err
			}
			return p.printMigration(m, output)
		},
	}
	c.Flags().StringVar(&from, "from", "", "the former configuration `FILE`, or badger:DIR")
	c.Flags().StringVar(&to, "to", "", "the new configuration `FILE`, or badger:DIR")
	c.Flags().BoolVar(&overwrite, "overwrite", false, "replace what the target holds")
	c.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	return c
}

// storeAt reads a node's file, or takes a data directory with Badger in it.
func storeAt(place string) (*config.Node, error) {
	dir, bare := strings.CutPrefix(place, "badger:")
	if !bare {
		return config.Load(place)
	}
	abs, err := filepath.Abs(dir)
	if err != nil || dir == "" {
		return nil, usage("badger: needs a directory behind it, such as badger:/var/lib/concord")
	}
	return app.BadgerIn(abs), nil
}

func (p *program) printMigration(m app.Migration, output string) error {
	if output == "json" {
		return p.json(m)
	}
	var rows [][]string
	for _, part := range m.Parts {
		rows = append(rows, []string{part.Store, part.Prefix, fmt.Sprint(part.Records), part.Digest[:16]})
	}
	if err := p.table([]string{"STORE", "PREFIX", "RECORDS", "DIGEST"}, rows); err != nil {
		return err
	}
	_, err := fmt.Fprintln(p.stdout, "Copied and compared. Start the node with the new file; the former store is unchanged.")
	return err
}
