package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// callers is how many kept connections ask at once.
const callers = 64

// target is a server under load.
type target struct {
	process *process
	conns   []*connection
}

// open makes the connections; each must do for the whole benchmark.
func open(ctx context.Context, p *process, address string, t *tls.Config) (*target, error) {
	out := &target{process: p}
	for range callers {
		c, err := connect(ctx, address, t, 5*time.Minute)
		if err != nil {
			out.close()
			return nil, err
		}
		out.conns = append(out.conns, c)
	}
	return out, nil
}

func (t *target) close() {
	for _, c := range t.conns {
		c.close()
	}
}

// sample is what one round of load shows.
type sample struct {
	perSecond  float64
	cpu        float64 // of the server, microseconds a request
	p50, p99   float64 // microseconds
	asked      int
	cpuPortion float64 // of one core
}

// allowed is how every right answer begins.
const allowed = `{"decision":"allow"`

// expect fails on any other answer than the one that is measured.
func expect(status int, body []byte) error {
	if status != 200 || !strings.HasPrefix(string(body[:min(len(body), len(allowed))]), allowed) {
		return fmt.Errorf("answered %d %s", status, body[:min(len(body), 300)])
	}
	return nil
}

// each asks every request once, so that the caches are as a server's that has seen its browsers before.
func (t *target) each(ctx context.Context, requests [][]byte) error {
	var g errgroup.Group
	for i, c := range t.conns {
		g.Go(func() error {
			for n := i; n < len(requests) && ctx.Err() == nil; n += len(t.conns) {
				status, err := c.exchange(requests[n])
				if err == nil {
					err = expect(status, c.body)
				}
				if err != nil {
					return err
				}
			}
			return ctx.Err()
		})
	}
	return g.Wait()
}

// random asks random requests on all connections for d.
func (t *target) random(ctx context.Context, requests [][]byte, d time.Duration) (sample, error) {
	before, err := t.process.cpu()
	if err != nil {
		return sample{}, err
	}
	times := make([][]int64, len(t.conns))
	begin := time.Now()
	end := begin.Add(d)
	var g errgroup.Group
	for i, c := range t.conns {
		g.Go(func() (err error) {
			times[i], err = ask(ctx, c, requests, end)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return sample{}, err
	}
	took := time.Since(begin)
	after, err := t.process.cpu()
	if err != nil {
		return sample{}, err
	}
	var all []int64
	for _, list := range times {
		all = append(all, list...)
	}
	n, used := float64(len(all)), after-before
	return sample{perSecond: n / took.Seconds(), cpu: float64(used.Microseconds()) / n, asked: len(all), cpuPortion: used.Seconds() / took.Seconds(),
		p50: float64(quantile(all, 0.50)) / 1e3, p99: float64(quantile(all, 0.99)) / 1e3}, nil
}

// ask is one caller; it gives the time of each exchange in nanoseconds.
func ask(ctx context.Context, c *connection, requests [][]byte, end time.Time) ([]int64, error) {
	out := make([]int64, 0, 4096)
	for at := time.Now(); at.Before(end) && ctx.Err() == nil; {
		status, err := c.exchange(requests[rand.IntN(len(requests))])
		if err == nil {
			err = expect(status, c.body)
		}
		if err != nil {
			return nil, err
		}
		now := time.Now()
		out, at = append(out, now.Sub(at).Nanoseconds()), now
	}
	return out, ctx.Err()
}
