package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

// overall bounds the whole demo, whatever hangs.
const overall = 8 * time.Minute

func main() {
	if len(os.Args) == 3 && os.Args[1] == "application" {
		exit(serveApplication(os.Args[2]))
	}
	exit(run())
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, overall)
	defer cancel()
	base, err := basePort()
	if err != nil {
		return err
	}
	l, err := newLayout(ctx, base)
	if err != nil {
		return err
	}
	keep := os.Getenv("KEEP") == "1"
	r := &report{out: os.Stdout}
	d := &demo{layout: l, report: r, procs: &processes{dir: l.logs}}
	defer func() {
		if trouble := recover(); trouble != nil { // whatever happens, nothing is left running unasked
			d.procs.stopAll()
			panic(trouble)
		}
	}()
	d.all(ctx)
	if r.failed > 0 {
		d.procs.tails(os.Stdout, 25)
	}
	if err := d.end(keep); err != nil {
		return err
	}
	return r.close()
}

func basePort() (int, error) {
	text := os.Getenv("BASE_PORT")
	if text == "" {
		return 7400, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1024 || n > 65000 {
		return 0, fmt.Errorf("BASE_PORT %q is no port between 1024 and 65000", text)
	}
	return n, nil
}

// end stops everything, or with keep says what is running and how to stop it.
func (d *demo) end(keep bool) error {
	if !keep {
		d.procs.stopAll()
		return nil
	}
	script, err := d.procs.stopScript(d.layout.dir)
	if err != nil {
		return err
	}
	env, err := d.layout.writeEnv()
	if err != nil {
		return err
	}
	d.introduce(script, env)
	return nil
}
