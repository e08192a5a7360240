package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/concord-access/terraform-provider-concord/server/config"
	"github.com/concord-access/terraform-provider-concord/server/machine"
)

func (p *program) bench() *cobra.Command {
	var dir, file, output string
	var each time.Duration
	c := &cobra.Command{
		Use: "bench", Short: "Measure whether this machine is fit for a node", Args: noArgs,
		Long: "Measures what a node needs most: synced writes on the disk of its data directory, the store,\n" +
			"password hashes, signatures and handshakes. It starts no node, asks none, and removes what it\n" +
			"writes. The exit code is 3 where a figure is short of what a small data center needs. On a\n" +
			"machine at work the figures are of what is left.",
		Example: "  concord bench --config /etc/concord/concord.hcl\n  concord bench --dir /var/lib/concord --for 10s",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := knownForm(output); err != nil {
				return err
			}
			if each < machine.Shortest || each > machine.Longest {
				return usage("--for %s is not within %s and %s", each, machine.Shortest, machine.Longest)
			}
			if dir != "" && file != "" {
				return usage("give --dir or --config, not both")
			}
			if file != "" {
				n, err := config.Load(file)
				if err != nil {
					return err
				}
				dir = n.DataDir
			}
			if dir == "" {
				dir = "."
			}
			ctx, stop := untilSignal(c.Context())
			defer stop()
			readings, err := machine.Measure(ctx, machine.Config{Dir: dir, For: each})
			if errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("%s does not exist; make the directory first, on the disk that it is to lie on", dir)
			}
			if err != nil {
				return err
			}
			return p.printReadings(readings, output)
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "`DIR` on the disk to measure (default the present one)")
	c.Flags().StringVar(&file, "config", "", "the node's `FILE`, whose data_dir is measured")
	c.Flags().DurationVar(&each, "for", 2*time.Second, "how long each figure is measured")
	c.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	return c
}

func (p *program) printReadings(readings []machine.Reading, output string) error {
	var short []string
	rows := make([][]string, 0, len(readings))
	for _, r := range readings {
		needs, verdict := ">= "+figure(r.Needs, r.Unit), "ok"
		if r.Unit == "ms" {
			needs = "<= " + figure(r.Needs, r.Unit)
		}
		if !r.OK {
			verdict, short = "short", append(short, r.Name)
		}
		rows = append(rows, []string{r.Name, figure(r.Value, r.Unit), needs, verdict})
	}
	if output == "json" {
		if err := p.json(map[string]any{"readings": readings}); err != nil {
			return err
		}
	} else if err := p.table([]string{"WHAT", "HERE", "NEEDED", "VERDICT"}, rows); err != nil {
		return err
	}
	if len(short) > 0 {
		return checkError{"short of what a node needs: " + strings.Join(short, "; ")}
	}
	return nil
}

// figure shows times with two digits behind the point and rates without.
func figure(v float64, unit string) string {
	if unit == "ms" {
		return fmt.Sprintf("%.2f ms", v)
	}
	return fmt.Sprintf("%.0f/s", v)
}
