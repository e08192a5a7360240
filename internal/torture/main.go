package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// overall bounds the whole run, whatever hangs.
const overall = 12 * time.Hour

func main() {
	if where := os.Getenv(holderVariable); where != "" { // what a run starts of itself
		if err := beHolder(context.Background(), where, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "torture: holder:", err)
			os.Exit(1)
		}
		return
	}
	ok, err := run(os.Stdout, os.Getenv("TORTURE"), os.Getenv("RUNS"))
	if err != nil {
		fmt.Fprintln(os.Stderr, "torture:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

// run does the wanted faults, "" = all, and says whether none of them broke anything.
func run(out io.Writer, wanted, runs string) (ok bool, err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, overall)
	defer cancel()
	times := 0
	if runs != "" {
		if times, err = strconv.Atoi(runs); err != nil || times < 1 {
			return false, fmt.Errorf("RUNS %q is no number above 0", runs)
		}
	}
	dir, err := os.MkdirTemp("", "torture")
	if err != nil {
		return false, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	programs, ran, ok := newPrograms(dir), 0, true
	for _, f := range trials() {
		if wanted != "" && f.id != wanted && !strings.HasPrefix(f.id, wanted+"-") || ctx.Err() != nil {
			continue
		}
		ran++
		ok = perform(ctx, out, programs, f, times) && ok
	}
	if ran == 0 {
		return false, fmt.Errorf("there is no fault %q", wanted)
	}
	return ok, ctx.Err()
}

// perform runs one fault and prints its line; what was wrong goes to standard error.
func perform(ctx context.Context, out io.Writer, programs *programs, f trial, times int) (ok bool) {
	if times == 0 {
		times = f.runs
	}
	p := newPlay(ctx, f.id)
	s := &stage{TB: p, programs: programs, runs: times, done: times}
	p.perform(func() { f.run(s) })
	word := "ok"
	switch {
	case p.Failed():
		word = "broken"
	case p.Skipped():
		word = "skipped"
	}
	_, _ = fmt.Fprintf(out, "torture %s runs %d %s %d %s\n", f.id, s.done, f.what, s.count, word)
	for _, figure := range s.figures {
		_, _ = fmt.Fprintf(out, "note %s %s\n", f.id, figure)
	}
	return word == "ok"
}
