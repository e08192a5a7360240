package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"

	"github.com/concord-access/terraform-provider-concord/server/app"
	"github.com/concord-access/terraform-provider-concord/server/config"
)

// serveProfiled is `concord server` with a CPU profile of its whole life beside its configuration.
func serveProfiled(file string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	n, err := config.Load(file)
	if err != nil {
		return err
	}
	out, err := os.Create(file + ".pprof") //nolint:gosec // the run that starts this process names it
	if err != nil {
		return fmt.Errorf("make profile: %w", err)
	}
	if err := pprof.StartCPUProfile(out); err != nil {
		return fmt.Errorf("start profile: %w", err)
	}
	err = app.Run(ctx, n, app.Options{Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)), Version: "bench"})
	pprof.StopCPUProfile()
	return errors.Join(err, out.Close())
}
