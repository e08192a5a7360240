package cli

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/failpoint"
	"github.com/concord-access/terraform-provider-concord/server/app"
	"github.com/concord-access/terraform-provider-concord/server/config"
	"github.com/spf13/cobra"
)

func (p *program) server() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use: "server", Short: "Run one node of a data center in the foreground", Args: noArgs,
		Long: "Runs the node that FILE describes until SIGTERM or SIGINT, then drains and stops; a second signal\n" +
			"stops at once. SIGHUP reads FILE again and applies its log level, and reads the listeners'\n" +
			"cert_file and key_file and the pages' files again; everything else needs a restart.\n" +
			"What cannot be read is logged and the former stays in use.",
		RunE: func(c *cobra.Command, _ []string) error {
			if file == "" {
				return usage("which node? give --config FILE")
			}
			n, err := config.Load(file)
			if err != nil {
				return err
			}
			private()
			ctx, stop := untilSignal(c.Context())
			defer stop()
			defer app.LeaveRoom()()
			level := new(slog.LevelVar)
			level.Set(n.Log.Level)
			log := logger(p.stderr, n.Log.Format, level)
			return app.Run(ctx, n, app.Options{Logger: log, Version: failpoint.Instead("version", Version), Clock: clock.System{}, Reload: onHangUp(ctx, file, level, log)})
		},
	}
	c.Flags().StringVar(&file, "config", "", "the node's configuration `FILE` (HCL)")
	return c
}

func (p *program) runNode(ctx context.Context, n *config.Node, log *slog.Logger) error {
	return app.Run(ctx, n, app.Options{Logger: log, Version: failpoint.Instead("version", Version), Clock: clock.System{}})
}

// onHangUp applies the file's log level at each SIGHUP and passes the signal on to the node, until ctx ends.
func onHangUp(ctx context.Context, file string, level *slog.LevelVar, log *slog.Logger) <-chan struct{} {
	hangUp, reload := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(hangUp, syscall.SIGHUP)
	context.AfterFunc(ctx, func() { signal.Stop(hangUp) })
	go func() {
		for {
			select {
			case <-hangUp:
			case <-ctx.Done():
				return
			}
			if n, err := config.Load(file); err != nil {
				log.Error("configuration not reloaded", "error", err)
			} else {
				level.Set(min(n.Log.Level, slog.LevelInfo)) // for one line, so that it is seen whatever the level becomes
				log.Info("configuration reloaded", "log_level", strings.ToLower(n.Log.Level.String()), "file", file)
				level.Set(n.Log.Level)
			}
			select {
			case reload <- struct{}{}:
			case <-ctx.Done():
				return
			}
		}
	}()
	return reload
}

// untilSignal gives a context that ends with the first SIGTERM or SIGINT. From then on signals act as usual, so a second
// one stops a drain that takes too long. A SIGHUP, which a closing terminal sends, must not end what does not reload.
func untilSignal(parent context.Context) (context.Context, context.CancelFunc) {
	signal.Ignore(syscall.SIGHUP)
	ctx, stop := signal.NotifyContext(parent, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// logger writes to w as the node's configuration says.
func logger(w io.Writer, format string, level slog.Leveler) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if format == config.FormatText {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}
