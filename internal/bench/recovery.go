package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/concord-access/terraform-provider-concord/server/config"
)

const (
	crashWriters = 64
	crashAfter   = 40_000 // sessions that are made before the kill
)

// recovery is coldStart after a kill -9 while 64 writers made sessions.
func recovery(ctx context.Context, s *stage) error {
	l, err := s.large(ctx)
	if err != nil {
		return err
	}
	var rounds []pair
	for range startRounds {
		if err := l.crash(ctx); err != nil {
			return err
		}
		round, err := l.round(ctx)
		if err != nil {
			return err
		}
		rounds = append(rounds, round)
	}
	s.report.add(judge("recovery", "ms", rounds, goal{false, 1.5}))
	return nil
}

// crash lets a process make sessions and kills it in the midst.
func (l *large) crash(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	ready := filepath.Join(l.s.dir, "writing")
	if err := os.RemoveAll(ready); err != nil {
		return fmt.Errorf("remove the last run's file: %w", err)
	}
	p, err := l.s.start("writers", self, "write", ready, l.s.dir, strconv.Itoa(crashAfter))
	if err != nil {
		return err
	}
	err = soon(ctx, func() error {
		if err := p.ended(); err != nil {
			return err
		}
		_, err := os.Stat(ready)
		return err
	})
	if err != nil {
		return err
	}
	if err := p.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("kill the writers: %w", err)
	}
	<-p.done
	return nil
}

// serveWriters is the process that is killed: it signs people in until then, and says when it has done so count times.
func serveWriters(ctx context.Context, ready, dir string, count int) error {
	dev, err := config.ReadDev(dir)
	if err != nil {
		return err
	}
	m, err := openMaker(ctx, dev.DataCenters[0])
	if err != nil {
		return err
	}
	var made atomic.Int64
	var g errgroup.Group
	for range crashWriters {
		g.Go(func() error {
			for ctx.Err() == nil {
				n := int(made.Add(1))
				if err := m.signInOnly(ctx, n); err != nil {
					return err
				}
				if n != count {
					continue
				}
				if err := os.WriteFile(ready, nil, 0o600); err != nil {
					return fmt.Errorf("say that there are enough: %w", err)
				}
			}
			return ctx.Err()
		})
	}
	return errors.Join(g.Wait(), m.close())
}

// copies gives copies of the databases, as they lie there.
func (l *large) copies(ctx context.Context) (out []string, err error) {
	for _, dir := range l.dirs {
		to := filepath.Join(l.s.dir, "copy-of-"+filepath.Base(dir))
		if err := os.RemoveAll(to); err != nil {
			return nil, fmt.Errorf("remove the last copy: %w", err)
		}
		if text, err := exec.CommandContext(ctx, "cp", "-a", "--sparse=always", dir, to).CombinedOutput(); err != nil { // their files are mostly holes
			return nil, fmt.Errorf("copy %s: %w\n%s", dir, err, text)
		}
		out = append(out, to)
	}
	return out, nil
}
