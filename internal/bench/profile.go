package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"syscall"

	"github.com/concord-access/terraform-provider-concord/server/app"
	"github.com/concord-access/terraform-provider-concord/server/config"
)

// serveProfiled is `concord server` with a CPU profile beside its configuration: of its whole life, or from the last SIGUSR1 on.
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
	again := make(chan os.Signal, 1)
	signal.Notify(again, syscall.SIGUSR1)
	restarted := make(chan struct{})
	go func() { // joined below, by closing again
		defer close(restarted)
		for range again {
			pprof.StopCPUProfile()
			writeHeap(file + ".heap")
			if out.Truncate(0) == nil {
				_, _ = out.Seek(0, io.SeekStart)
				_ = pprof.StartCPUProfile(out)
			}
		}
	}()
	defer app.LeaveRoom()()
	err = app.Run(ctx, n, app.Options{Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)), Version: "bench"})
	signal.Stop(again)
	close(again)
	<-restarted
	pprof.StopCPUProfile()
	return errors.Join(err, out.Close())
}

// writeHeap leaves a profile of what is in memory now.
func writeHeap(file string) {
	out, err := os.Create(file) //nolint:gosec // beside the CPU profile
	if err != nil {
		return
	}
	runtime.GC()
	_ = pprof.Lookup("heap").WriteTo(out, 0)
	_ = out.Close()
}

// profileFromNow leaves out of a server's CPU profile what it did so far, and lets it write what is in memory.
func (p *process) profileFromNow() {
	if os.Getenv("PROFILE") == "1" {
		_ = p.cmd.Process.Signal(syscall.SIGUSR1)
	}
}
