package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// build makes a program that says nothing of where it was built. C is left out: a program without it runs on every system of
// its kind, and needs no compiler for that system here.
func (r *release) build(ctx context.Context, p product, t target, program string) error {
	link := "-s -w -buildid="
	if p.variable != "" {
		link += " -X " + p.variable + "=" + r.version
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", link, "-o", program, p.folder) //nolint:gosec // words of our own
	// The levels of a processor are part of the result, and are pinned to what every one of its kind has.
	cmd.Env = append(os.Environ(), "GOOS="+t.os, "GOARCH="+t.arch, "CGO_ENABLED=0", "GOAMD64=v1", "GO386=sse2", "GOARM=6", "GOARM64=v8.0", "GOEXPERIMENT=")
	return said(cmd)
}

// said runs a command, and gives what it wrote with its error.
func said(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}

// sourceTime is SOURCE_DATE_EPOCH, or the time of the commit. (https://reproducible-builds.org/specs/source-date-epoch/)
func sourceTime(ctx context.Context) (int64, error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		out, err := exec.CommandContext(ctx, "git", "log", "-1", "--format=%ct").Output()
		if err != nil {
			return 0, fmt.Errorf("when was this source made? Set SOURCE_DATE_EPOCH, in seconds since 1970; git does not tell: %w", err)
		}
		text = strings.TrimSpace(string(out))
	}
	epoch, err := strconv.ParseInt(text, 10, 64)
	const year1980, year2108 = 315532800, 4354819200 // what a zip file can say
	if err != nil || epoch < year1980 || epoch >= year2108 {
		return 0, errors.New("SOURCE_DATE_EPOCH must be seconds since 1970, of a year from 1980 to 2107")
	}
	return epoch, nil
}
