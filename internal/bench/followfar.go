package main

import (
	"context"
	"time"
)

const (
	lineDelay  = 20 * time.Millisecond // in either direction
	lineMargin = 10 * time.Millisecond // that a change may take besides one round trip
	lineRounds = 5
)

// followFar measures follow-lag over a line with a delay, beside one round trip over such a line and ten milliseconds: a
// change must cross the line once, and nothing may wait for a second crossing.
func followFar(ctx context.Context, s *stage) error {
	a, err := s.absentee(ctx, lineDelay)
	if err != nil {
		return err
	}
	defer a.line.close()
	f, err := s.hopAndSync(ctx)
	if err != nil {
		return err
	}
	defer f.close()
	far, err := newRelay(ctx, f.address, lineDelay)
	if err != nil {
		return err
	}
	defer far.close()
	far.release()
	if f.conn, err = f.reconnect(ctx, far.address()); err != nil {
		return err
	}
	l, err := newLag(ctx, a.master, a.clone)
	if err != nil {
		return err
	}
	defer l.close()
	var rounds []pair
	for range lineRounds {
		ours, trip, err := l.round(ctx, f)
		if err != nil {
			return err
		}
		rounds = append(rounds, pair{quantile(ours, 0.5), quantile(trip, 0.5) + milliseconds(lineMargin)})
	}
	s.report.add(judge("follow-lag-far", "ms", rounds, goal{false, 1}))
	return nil
}
