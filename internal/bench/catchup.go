package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

const catchUpRounds = 5

// catchUp10k measures how soon a clone that was stopped has the changes that were made meanwhile. Its process is up and
// its first question waits on a held line when the clock starts; the first handshake counts, the start of the process
// does not.
func catchUp10k(ctx context.Context, s *stage) error {
	a, err := s.absentee(ctx, 0)
	if err != nil {
		return err
	}
	defer a.line.close()
	var rounds []pair
	for n := range catchUpRounds {
		mark := fmt.Sprintf("round-%d", n)
		took, err := a.round(ctx, mark)
		if err != nil {
			return err
		}
		floor, err := s.bulkFloor(mark)
		if err != nil {
			return err
		}
		rounds = append(rounds, pair{milliseconds(took), milliseconds(floor)})
	}
	s.report.add(judge("catch-up-10k", "ms", rounds, goal{false, 3}))
	return nil
}

// bulkFloor loads what the changes write.
func (s *stage) bulkFloor(mark string) (time.Duration, error) {
	cells, err := allWritten(changeCount, mark)
	if err != nil {
		return 0, err
	}
	return bulkLoad(filepath.Join(s.dir, "floor"), cells)
}

// absentee is a clone that goes away and comes back.
type absentee struct {
	s             *stage
	master, clone *admin
	process       *process // the clone's
	line          *relay   // from the clone to the master
}

func (s *stage) absentee(ctx context.Context, delay time.Duration) (a *absentee, err error) {
	dcs, err := s.layOut(ctx, "NYDC,LDC", 2)
	if err != nil {
		return nil, err
	}
	a = &absentee{s: s}
	if _, a.master, err = s.server(ctx, dcs[0], dcs[0].ConfigFile); err != nil {
		return nil, err
	}
	if a.process, a.clone, err = s.server(ctx, dcs[1], dcs[1].ConfigFile); err != nil {
		return nil, err
	}
	if a.line, err = newRelay(ctx, hostOf(a.master.center.PeerURL), delay); err != nil {
		return nil, err
	}
	a.line.release()
	err = errors.Join(introduce(ctx, a.master, "master"), join(ctx, a.master, a.clone, a.line.address()))
	if err == nil {
		err = follow(ctx, a.master, a.clone)
	}
	if err == nil {
		err = a.master.load(ctx, changeCount, "start")
	}
	if err != nil {
		a.line.close()
	}
	return a, err
}

func (a *absentee) round(ctx context.Context, mark string) (time.Duration, error) {
	if err := a.process.stop(); err != nil {
		return 0, err
	}
	a.line.hold()
	if err := a.master.load(ctx, changeCount, mark); err != nil {
		return 0, err
	}
	var err error
	if a.process, a.clone, err = a.s.server(ctx, a.clone.center, a.clone.center.ConfigFile); err != nil {
		return 0, err
	}
	read, err := connect(ctx, hostOf(a.clone.center.AdminURL), a.clone.tls, 2*time.Minute)
	if err != nil {
		return 0, err
	}
	defer read.close()
	begin := time.Now()
	a.line.release()
	if err := a.clone.await(ctx, read, changeCount-1, mark); err != nil {
		return 0, err
	}
	return time.Since(begin), nil
}
