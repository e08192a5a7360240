package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/config"
)

const (
	startRounds = 5
	startLimit  = time.Minute
	startLook   = time.Millisecond // between two looks whether something has started
)

// coldStart measures the start of a server with a million sessions after a clean stop, until its first right answer to an agent, beside a
// program that opens the same databases with bare Badger.
func coldStart(ctx context.Context, s *stage) error {
	l, err := s.large(ctx)
	if err != nil {
		return err
	}
	var rounds []pair
	for range startRounds {
		round, err := l.round(ctx)
		if err != nil {
			return err
		}
		rounds = append(rounds, round)
	}
	s.report.add(judge("cold-start", "ms", rounds, goal{false, 5}))
	return nil
}

// large is a stopped data center with a million sessions.
type large struct {
	s       *stage
	dc      config.DevDataCenter
	dirs    []string // its databases
	tls     *tls.Config
	request []byte // that it must answer with allow
}

func (s *stage) large(ctx context.Context) (*large, error) {
	dcs, err := s.layOut(ctx, "NYDC", 1)
	if err != nil {
		return nil, err
	}
	requests, err := s.prepare(ctx, dcs[0], declare, crowd{sessions: manySessions, cookies: 1})
	if err != nil {
		return nil, err
	}
	n, err := config.Load(dcs[0].ConfigFile)
	if err != nil {
		return nil, err
	}
	a, err := newAdmin(dcs[0])
	if err != nil {
		return nil, err
	}
	return &large{s: s, dc: dcs[0], dirs: []string{filepath.Join(n.DataDir, "state"), filepath.Join(n.DataDir, "sessions")}, tls: a.tls, request: requests[0]}, nil
}

// round starts the floor and ours, and stops both again. The floor is first, on copies: whoever opens a database changes it.
func (l *large) round(ctx context.Context) (pair, error) {
	copies, err := l.copies(ctx)
	if err != nil {
		return pair{}, err
	}
	floor, err := l.s.bareOpen(ctx, copies)
	if err != nil {
		return pair{}, err
	}
	ours, err := l.start(ctx)
	return pair{milliseconds(ours), milliseconds(floor)}, err
}

// start gives the time from the start of the process to its first right answer.
func (l *large) start(ctx context.Context) (time.Duration, error) {
	begin := time.Now()
	p, err := l.s.startServer(l.dc, l.dc.ConfigFile)
	if err != nil {
		return 0, err
	}
	err = soon(ctx, func() error {
		if err := p.ended(); err != nil {
			return err
		}
		return l.ask(ctx)
	})
	took := time.Since(begin)
	return took, errors.Join(err, p.stop())
}

// ask asks once over a new connection.
func (l *large) ask(ctx context.Context) error {
	c, err := connect(ctx, hostOf(l.dc.RuntimeURL), l.tls, 10*time.Second)
	if err != nil {
		return err
	}
	defer c.close()
	status, err := c.exchange(l.request)
	if err == nil {
		err = expect(status, c.body)
	}
	return err
}

// soon tries again and again, with shorter pauses than until.
func soon(ctx context.Context, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not in time: %w", err)
		case <-time.After(startLook):
		}
	}
}

// bareOpen gives the time from the start of a process until it has opened the directories.
func (s *stage) bareOpen(ctx context.Context, dirs []string) (time.Duration, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, fmt.Errorf("find this program: %w", err)
	}
	ready := filepath.Join(s.dir, "opened")
	if err := os.RemoveAll(ready); err != nil {
		return 0, fmt.Errorf("remove the last run's file: %w", err)
	}
	begin := time.Now()
	p, err := s.start("floor-open", self, append([]string{"open", ready}, dirs...)...)
	if err != nil {
		return 0, err
	}
	err = soon(ctx, func() error {
		if err := p.ended(); err != nil {
			return err
		}
		_, err := os.Stat(ready)
		return err
	})
	took := time.Since(begin)
	return took, errors.Join(err, p.stop())
}

// serveOpen is the floor's process: it opens databases, says so, and keeps them open until it is told to stop.
func serveOpen(ctx context.Context, ready string, dirs []string) error {
	for _, dir := range dirs {
		db, err := bare(dir, false)
		if err != nil {
			return err
		}
		defer db.Close() //nolint:errcheck // a copy that is thrown away
	}
	if err := os.WriteFile(ready, nil, 0o600); err != nil {
		return fmt.Errorf("say that it is open: %w", err)
	}
	<-ctx.Done()
	return nil
}
