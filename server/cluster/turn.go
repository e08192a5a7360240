package cluster

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// releaseWait is how long a node that stops tries to give its lease back.
const releaseWait = time.Second

// Run does job while this node holds the lease, until ctx ends. The job's context ends when the lease does; what it gives
// after that counts for nothing, and what it gives before is Run's result.
func (l *Lease) Run(ctx context.Context, logger *slog.Logger, job func(context.Context) error) error {
	defer func() {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseWait)
		defer cancel()
		if err := l.Release(last); err != nil {
			logger.Warn("the lease could not be given back; another node waits for its end", "job", l.c.Job, "error", err)
		}
	}()
	for ctx.Err() == nil {
		held, until, err := l.try(ctx)
		if err != nil && ctx.Err() == nil {
			logger.Warn("the lease cannot be renewed", "job", l.c.Job, "error", err)
		}
		if !held {
			rest(ctx, l.rest())
			continue
		}
		logger.Info("this node works for the data center", "job", l.c.Job)
		if err := l.turn(ctx, until, logger, job); err != nil {
			return err
		}
		logger.Info("this node works no more for the data center", "job", l.c.Job)
	}
	return nil
}

// try is Try with a limit: a store that does not answer must not outlast the lease.
func (l *Lease) try(ctx context.Context) (bool, time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, l.c.TTL/3)
	defer cancel()
	return l.Try(ctx)
}

// turn runs the job and renews the lease beside it, in a goroutine of its own: a store that does not answer must not keep the job
// alive. It returns when both have ended.
func (l *Lease) turn(ctx context.Context, until time.Time, logger *slog.Logger, job func(context.Context) error) error {
	work, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- job(work) }()
	renewed := make(chan time.Time) // until when we hold it; zero = no more
	var renewing sync.WaitGroup
	renewing.Go(func() { l.renew(work, logger, renewed) })
	defer renewing.Wait()
	defer stop()
	for {
		end := time.NewTimer(until.Sub(l.c.Clock.Now()))
		select {
		case err := <-done:
			end.Stop()
			if ctx.Err() != nil || errors.Is(err, context.Canceled) {
				return nil
			}
			return err
		case until = <-renewed:
			end.Stop()
			if !until.IsZero() {
				continue
			}
		case <-ctx.Done():
			end.Stop()
		case <-end.C:
		}
		stop()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) { // of a job that was told to stop it counts for nothing
			logger.Debug("work that was told to stop ended with an error", "job", l.c.Job, "error", err)
		}
		return nil
	}
}

// renew renews the lease until ctx ends or it is another node's.
func (l *Lease) renew(ctx context.Context, logger *slog.Logger, renewed chan<- time.Time) {
	tick := time.NewTicker(l.c.TTL / 4)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		held, until, err := l.try(ctx)
		if err != nil && ctx.Err() == nil {
			logger.Warn("the lease cannot be renewed", "job", l.c.Job, "error", err)
		}
		if !held {
			until = time.Time{}
		}
		select {
		case renewed <- until:
		case <-ctx.Done():
			return
		}
	}
}

func rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
