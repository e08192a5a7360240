package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/config"
)

const (
	bootstrapRounds = 5
	slopeRounds     = 3
	slopeSmall      = 1_000
	slopeLarge      = 100_000
	memorySmall     = 250_000 // fills what the store keeps in memory at most
	memoryLarge     = 750_000
)

// bootstrap10k measures the first copy: the POST of the agreement, which is answered when it is in force and confirmed.
// Each round has a clone that never had one.
func bootstrap10k(ctx context.Context, s *stage) error {
	dcs, err := s.layOut(ctx, names("NYDC", bootstrapRounds), 1+bootstrapRounds)
	if err != nil {
		return err
	}
	master, source, err := s.master(ctx, dcs[0], changeCount)
	if err != nil {
		return err
	}
	var rounds []pair
	for n, dc := range dcs[1:] {
		c, err := s.firstCopy(ctx, master, source, dc)
		if err != nil {
			return err
		}
		floor, err := s.bulkFloor(fmt.Sprintf("round-%d", n))
		if err != nil {
			return err
		}
		rounds = append(rounds, pair{milliseconds(c.took), milliseconds(floor)})
	}
	s.report.add(judge("bootstrap-10k", "ms", rounds, goal{false, 2}))
	return nil
}

// names are those of a first data center and of count clones.
func names(first string, count int) string {
	all := []string{first}
	for n := range count {
		all = append(all, fmt.Sprintf("CL%d", n))
	}
	return strings.Join(all, ",")
}

// master starts one with so many groups.
func (s *stage) master(ctx context.Context, dc config.DevDataCenter, groups int) (*admin, *process, error) {
	p, a, err := s.server(ctx, dc, dc.ConfigFile)
	if err != nil {
		return nil, nil, err
	}
	return a, p, errors.Join(introduce(ctx, a, "master"), a.load(ctx, groups, "start"))
}

// copied is what one first copy took.
type copied struct {
	took         time.Duration
	clone, grown float64 // MiB: anonymous memory of the clone at most, and by how much the master's most has grown
}

// firstCopy makes a fresh data center the clone of a master, and stops it.
func (s *stage) firstCopy(ctx context.Context, master *admin, source *process, dc config.DevDataCenter) (c copied, err error) {
	p, clone, err := s.server(ctx, dc, dc.ConfigFile)
	if err != nil {
		return c, err
	}
	if err := join(ctx, master, clone, hostOf(master.center.PeerURL)); err != nil {
		return c, err
	}
	before, err := source.peak()
	if err != nil {
		return c, err
	}
	most := p.most()
	begin := time.Now()
	err = follow(ctx, master, clone)
	c.took = time.Since(begin)
	var err1 error
	c.clone, err1 = most()
	if err != nil {
		return c, err
	}
	after, err2 := source.peak()
	c.grown = after - before
	return c, errors.Join(err1, err2, p.stop())
}

// bootstrapSlope compares the time that one object of a first copy takes among many with that among few. What a copy of
// nothing takes (handshakes, the agreement at both sides, the switch) is measured beside and taken off both.
func bootstrapSlope(ctx context.Context, s *stage) error {
	sizes := []int{0, slopeSmall, slopeLarge}
	dcs, err := s.layOut(ctx, names("NY0,NY1,NY2", slopeRounds*len(sizes)), len(sizes)*(1+slopeRounds))
	if err != nil {
		return err
	}
	masters, processes := make([]*admin, len(sizes)), make([]*process, len(sizes))
	for i, size := range sizes {
		if masters[i], processes[i], err = s.master(ctx, dcs[i], size); err != nil {
			return err
		}
	}
	var slope, clones, grown []pair
	for n := range slopeRounds {
		var c [3]copied
		for i := range sizes {
			if c[i], err = s.firstCopy(ctx, masters[i], processes[i], dcs[len(sizes)*(1+n)+i]); err != nil {
				return err
			}
		}
		each := func(i int) float64 { return milliseconds(c[i].took-c[0].took) * 1e3 / float64(sizes[i]) }
		slope = append(slope, pair{each(2), each(1)})
		clones, grown = append(clones, pair{c[2].clone, c[1].clone}), append(grown, pair{c[2].grown, c[1].grown})
	}
	s.report.note(judge("bootstrap-slope/memory-clone", "MiB", clones, goal{}))
	s.report.note(judge("bootstrap-slope/memory-master-growth", "MiB", grown, goal{}))
	s.report.add(judge("bootstrap-slope", "us", slope, goal{false, 1.1}))
	return nil
}

// bootstrapMemory compares the most that master and clone have resident with a first copy of many objects with that of a third of
// them.
func bootstrapMemory(ctx context.Context, s *stage) error {
	sizes := []int{memorySmall, memoryLarge}
	dcs, err := s.layOut(ctx, names("NY0,NY1", len(sizes)), 2*len(sizes))
	if err != nil {
		return err
	}
	var c [2]copied
	for i, size := range sizes {
		master, source, err := s.master(ctx, dcs[i], size)
		if err != nil {
			return err
		}
		if c[i], err = s.firstCopy(ctx, master, source, dcs[len(sizes)+i]); err != nil {
			return err
		}
		if err := source.stop(); err != nil {
			return err
		}
	}
	s.report.note(judge("bootstrap-memory/master-growth", "MiB", []pair{{c[1].grown, c[0].grown}}, goal{}))
	s.report.note(judge("bootstrap-memory", "MiB", []pair{{c[1].clone, c[0].clone}}, goal{}))
	return nil
}
