package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// stepLimit bounds one step.
const stepLimit = 90 * time.Second

// report prints a line a step and counts.
type report struct {
	out            io.Writer
	passed, failed int
}

// step runs one step; what it returns as a string stands behind its name.
func (r *report) step(ctx context.Context, name string, run func(context.Context) (string, error)) bool {
	ctx, cancel := context.WithTimeout(ctx, stepLimit)
	defer cancel()
	begin := time.Now()
	detail, err := run(ctx)
	if err != nil {
		r.failed++
		fmt.Fprintf(r.out, "FAIL %s: %v\n", name, err) //nolint:errcheck // standard output
		return false
	}
	r.passed++
	if detail != "" {
		detail = ": " + detail
	}
	fmt.Fprintf(r.out, "ok   %s%s (%s)\n", name, detail, time.Since(begin).Round(time.Millisecond)) //nolint:errcheck // standard output
	return true
}

// close prints the closing line.
func (r *report) close() error {
	fmt.Fprintf(r.out, "demo: %d passed, %d failed\n", r.passed, r.failed) //nolint:errcheck // standard output
	if r.failed > 0 {
		return errors.New("a step failed; the logs are in .demo/logs")
	}
	return nil
}

// until asks again and again until ok, for at most limit. The last reason why not is part of the error.
func until(ctx context.Context, limit time.Duration, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	pause := time.NewTicker(50 * time.Millisecond)
	defer pause.Stop()
	var last error
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() == nil || last == nil {
			last = err // what it said before the time was up, not that it is up
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("still not after %s: %w", limit, last)
		case <-pause.C:
		}
	}
}
