package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"
)

// Config says where and for how long.
type Config struct {
	Dir string        // on the disk that data_dir is to lie on; what is written there is removed again
	For time.Duration // of each reading
}

// Bounds of Config.For.
const (
	Shortest = 50 * time.Millisecond
	Longest  = time.Minute
)

// Reading is one figure.
type Reading struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`  // "ms" or "/s"
	Needs float64 `json:"needs"` // in the same unit: at most for times, at least for rates
	OK    bool    `json:"ok"`
	Means string  `json:"means"` // a sentence
}

// Measure takes all readings, one after another. An error is one of the machine (a directory that cannot be written to, a full disk) or of ctx.
func Measure(ctx context.Context, c Config) ([]Reading, error) {
	if c.For < Shortest || c.For > Longest {
		return nil, fmt.Errorf("measure machine: %s is not within %s and %s", c.For, Shortest, Longest)
	}
	dir, err := os.MkdirTemp(c.Dir, "concord-bench-")
	if err != nil {
		return nil, fmt.Errorf("measure machine: %w", err)
	}
	var out []Reading
	for _, reading := range []func(context.Context, string, time.Duration) ([]Reading, error){syncs, commits, hashes, signatures, handshakes} {
		some, err := reading(ctx, dir, c.For)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("measure machine: %w", err), os.RemoveAll(dir))
		}
		out = append(out, some...)
	}
	return out, os.RemoveAll(dir)
}

// duration and rate make readings.
func duration(name string, d time.Duration, most float64, means string) Reading {
	ms := float64(d) / float64(time.Millisecond)
	return Reading{name, ms, "ms", most, ms <= most, means}
}

func rate(name string, perSecond, least float64, means string) Reading {
	return Reading{name, perSecond, "/s", least, perSecond >= least, means}
}

// repeat calls work from so many callers until the time is over, at least once each, and gives how many were done a second.
func repeat(ctx context.Context, callers int, d time.Duration, work func() error) (perSecond float64, err error) {
	begin := time.Now()
	counts, errs := make([]int, callers), make([]error, callers)
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			for counts[i] == 0 || time.Since(begin) < d && ctx.Err() == nil {
				if errs[i] = work(); errs[i] != nil {
					return
				}
				counts[i]++
			}
		})
	}
	all.Wait()
	took := time.Since(begin)
	total := 0
	for _, n := range counts {
		total += n
	}
	return float64(total) / took.Seconds(), errors.Join(errs...)
}

// percentile gives one of sorted times; p is from 0 to 100.
func percentile(sorted []time.Duration, p int) time.Duration {
	return sorted[min(len(sorted)-1, len(sorted)*p/100)]
}

// timed calls work again and again until the time is over and gives how long each call took, sorted.
func timed(ctx context.Context, d time.Duration, work func() error) ([]time.Duration, error) {
	var out []time.Duration
	for begin := time.Now(); len(out) == 0 || time.Since(begin) < d && ctx.Err() == nil; {
		before := time.Now()
		if err := work(); err != nil {
			return nil, err
		}
		out = append(out, time.Since(before))
	}
	slices.Sort(out)
	return out, nil
}
