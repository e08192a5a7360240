package cli

import (
	"context"
	"fmt"

	"github.com/concord-access/terraform-provider-concord/server/app"
	"github.com/concord-access/terraform-provider-concord/server/config"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
)

// devOptions is the command line of `concord dev`.
type devOptions struct {
	dir       string
	ids       []string
	base      int
	writeOnly bool
}

func (p *program) dev() *cobra.Command {
	var o devOptions
	c := &cobra.Command{
		Use: "dev", Short: "Run several data centers on this machine, for development", Args: noArgs,
		Long: "Lays out one unlinked data center for each id below DIR and runs them all in this process, on\n" +
			"loopback. The n-th takes the ports base+10n (admin), +1 (runtime) and +2 (peer). DIR/dev.json says\n" +
			"where everything is; with DIR/<id>/concord.hcl `concord server` runs the same data center as a\n" +
			"process of its own. When all are ready it says where they are, and what to export to reach the\n" +
			"first one; `concord dev env` says that to another shell.",
		RunE: func(c *cobra.Command, _ []string) error {
			private()
			return p.runDev(c.Context(), o)
		},
	}
	c.Flags().StringVar(&o.dir, "dir", "", "`DIR` that holds everything")
	c.Flags().StringSliceVar(&o.ids, "data-centers", nil, "cluster `IDS`, with commas between them")
	c.Flags().IntVar(&o.base, "base-port", 7400, "first `PORT` of the first data center")
	c.Flags().BoolVar(&o.writeOnly, "write-only", false, "write the files and stop")
	c.AddCommand(p.devEnv())
	return c
}

func (p *program) runDev(ctx context.Context, o devOptions) error {
	if o.dir == "" || len(o.ids) == 0 {
		return usage("give --dir DIR and --data-centers NYDC,LDC")
	}
	nodes, err := config.DevNodes(o.dir, o.ids, o.base)
	if err != nil {
		return usage("%v", err)
	}
	for _, n := range nodes { // before the files are written: they may be another one's
		if app.InUse(n) {
			return fmt.Errorf("another concord is running on %s (its %s is in use); stop it or use another --dir", o.dir, n.ClusterID)
		}
	}
	d, err := config.WriteDev(o.dir, nodes)
	if err != nil {
		return err
	}
	if o.writeOnly {
		return p.devTable(d)
	}
	ctx, stop := untilSignal(ctx)
	defer stop()
	return p.runNodes(ctx, nodes, d)
}

// runNodes runs all nodes until the context ends or one fails; the others then stop too.
func (p *program) runNodes(ctx context.Context, nodes []*config.Node, d *config.Dev) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, n := range nodes {
		g.Go(func() error {
			if err := p.runNode(ctx, n, logger(p.stderr, n.Log.Format, n.Log.Level)); err != nil {
				return fmt.Errorf("run %s: %w", n.ClusterID, err)
			}
			return nil
		})
	}
	g.Go(func() error { return p.introduceDev(ctx, d) })
	return g.Wait()
}

// introduceDev waits until all data centers are ready and then says where they are.
func (p *program) introduceDev(ctx context.Context, d *config.Dev) error {
	for _, dc := range d.DataCenters {
		if err := untilReady(ctx, dc); err != nil {
			if ctx.Err() != nil {
				return nil //nolint:nilerr // stopped before; whoever stopped it says why
			}
			return err
		}
	}
	if err := p.devTable(d); err != nil {
		return err
	}
	_, err := fmt.Fprintf(p.stdout, "\nReady; ctrl-C stops. To reach %s from another shell:\n\n%s", d.DataCenters[0].ClusterID, devExports(d.DataCenters[0]))
	return err
}

func (p *program) devTable(d *config.Dev) error {
	rows := make([][]string, len(d.DataCenters))
	for i, dc := range d.DataCenters {
		rows[i] = []string{dc.ClusterID, dc.AdminURL, dc.RuntimeURL, dc.TokenFile, dc.ConfigFile}
	}
	return p.table([]string{"DATA CENTER", "ADMIN", "RUNTIME", "TOKEN FILE", "CONFIGURATION"}, rows)
}
