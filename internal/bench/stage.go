package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/config"
)

// stage is what a benchmark plays on: a folder, ports and the processes that it started.
type stage struct {
	root, dir string
	base      int
	report    *report
	processes []*process
}

func newStage(name string, r *report, base int) (*stage, error) {
	root, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("find the repository: %w", err)
	}
	s := &stage{root: root, dir: filepath.Join(root, ".build", "bench", name), base: base, report: r}
	if err := os.RemoveAll(s.dir); err != nil {
		return nil, fmt.Errorf("remove the last run: %w", err)
	}
	if err := os.MkdirAll(s.dir, 0o750); err != nil {
		return nil, fmt.Errorf("make the run's folder: %w", err)
	}
	return s, nil
}

// layOut lets `concord dev` write the files of the data centers, as a user would.
func (s *stage) layOut(ctx context.Context, ids string, count int) ([]config.DevDataCenter, error) {
	for n := range count * config.PortStep {
		if n%config.PortStep > 2 {
			continue
		}
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(s.base+n)))
		if err != nil {
			return nil, fmt.Errorf("port %d is taken (%w); set BASE_PORT", s.base+n, err)
		}
		_ = l.Close()
	}
	cmd := exec.CommandContext(ctx, s.concord(), "dev", "--dir", s.dir, "--data-centers", ids, "--base-port", strconv.Itoa(s.base), "--write-only")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("concord dev --write-only: %w\n%s", err, out)
	}
	dev, err := config.ReadDev(s.dir)
	if err != nil {
		return nil, err
	}
	if len(dev.DataCenters) != count {
		return nil, fmt.Errorf("dev.json names %d data centers, not %d", len(dev.DataCenters), count)
	}
	return dev.DataCenters, nil
}

func (s *stage) concord() string { return filepath.Join(s.root, "bin", "concord") }

// server starts a data center and waits until it answers its administrator.
func (s *stage) server(ctx context.Context, dc config.DevDataCenter, file string) (*process, *admin, error) {
	p, err := s.startServer(dc, file)
	if err != nil {
		return nil, nil, err
	}
	var a *admin
	err = until(ctx, time.Minute, func(ctx context.Context) error {
		if err := p.ended(); err != nil {
			return err
		}
		var err error
		if a, err = newAdmin(dc); err != nil {
			return err
		}
		_, err = a.dataCenter(ctx)
		return err
	})
	return p, a, err
}

// startServer starts a data center and waits for nothing.
func (s *stage) startServer(dc config.DevDataCenter, file string) (*process, error) {
	program, args := s.concord(), []string{"server", "--config", file}
	if os.Getenv("PROFILE") == "1" {
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("find this program: %w", err)
		}
		program, args = self, []string{"server", file}
	}
	return s.start("server-"+dc.ClusterID, program, args...)
}

// until asks again and again until ok, for at most limit. The last reason why not is part of the error.
func until(ctx context.Context, limit time.Duration, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	pause := time.NewTicker(20 * time.Millisecond)
	defer pause.Stop()
	var last error
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() == nil || last == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), last)
		case <-pause.C:
		}
	}
}
