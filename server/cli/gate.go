package cli

import (
	"log/slog"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/server/config"
	"github.com/concord-access/terraform-provider-concord/server/gate"
	"github.com/spf13/cobra"
)

func (p *program) gate() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use: "gate", Short: "Run the agent: a reverse proxy in front of an application", Args: noArgs,
		Long: "Runs the agent that FILE describes until SIGTERM or SIGINT. It asks the data center's servers\n" +
			"about every request and passes on what they allow.",
		RunE: func(c *cobra.Command, _ []string) error {
			if file == "" {
				return usage("which gate? give --config FILE")
			}
			cfg, err := gate.Load(file)
			if err != nil {
				return err
			}
			cfg.Clock = clock.System{}
			cfg.Logger = logger(p.stderr, config.FormatJSON, slog.LevelInfo)
			g, err := gate.New(cfg)
			if err != nil {
				return err
			}
			ctx, stop := untilSignal(c.Context())
			defer stop()
			return g.Run(ctx)
		},
	}
	c.Flags().StringVar(&file, "config", "", "the gate's configuration `FILE` (HCL)")
	return c
}
