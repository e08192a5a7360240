package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	liveRounds   = 5
	liveCallers  = 16
	visibleLimit = 10.0 // milliseconds from the last acknowledgement to its visibility at the clone
)

// live10k measures many changes of one administrator's tools at once: from the first to the moment when the clone shows
// the last one of every caller.
func live10k(ctx context.Context, s *stage) error {
	master, clone, err := s.linked(ctx)
	if err != nil {
		return err
	}
	if err := master.load(ctx, changeCount, "start"); err != nil {
		return err
	}
	l, err := newLive(ctx, master, clone)
	if err != nil {
		return err
	}
	defer l.close()
	g, err := newGrouped(filepath.Join(s.dir, "floor"))
	if err != nil {
		return err
	}
	all, visible, err := liveAgainst(ctx, l, g)
	if err := errors.Join(err, g.close()); err != nil {
		return err
	}
	s.report.add(judge("live-10k", "ms", all, goal{false, 4}), judge("live-10k/visible", "ms", visible, goal{false, 1}))
	return nil
}

func liveAgainst(ctx context.Context, l *live, g *grouped) (all, visible []pair, err error) {
	for n := range liveRounds {
		mark := fmt.Sprintf("round-%d", n)
		took, late, err := l.round(ctx, mark)
		if err != nil {
			return nil, nil, err
		}
		cells, err := allWritten(changeCount, mark)
		if err != nil {
			return nil, nil, err
		}
		floor, err := g.write(cells, liveCallers)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, pair{milliseconds(took), milliseconds(floor)})
		visible = append(visible, pair{milliseconds(late), visibleLimit})
	}
	return all, visible, nil
}

// live is callers at the master. The reader at the clone comes towards the end of a round: a server closes connections that
// are idle for long.
type live struct {
	master, clone *admin
	writers       []*connection
}

func newLive(ctx context.Context, master, clone *admin) (*live, error) {
	l := &live{master: master, clone: clone}
	for range liveCallers {
		w, err := connect(ctx, hostOf(master.center.AdminURL), master.tls, 10*time.Minute)
		if err != nil {
			l.close()
			return nil, err
		}
		l.writers = append(l.writers, w)
	}
	return l, nil
}

func (l *live) close() {
	for _, w := range l.writers {
		w.close()
	}
}

// round changes every group once. took ends when the clone shows all, late counts from the last acknowledgement.
func (l *live) round(ctx context.Context, mark string) (took, late time.Duration, err error) {
	requests := make([][]byte, changeCount)
	for n := range requests {
		if requests[n], err = l.master.putGroup(n, mark); err != nil {
			return 0, 0, err
		}
	}
	begin := time.Now()
	var read *connection // belongs to the first caller until all are done
	var all errgroup.Group
	for first, w := range l.writers {
		all.Go(func() error {
			for n := first; n < changeCount && ctx.Err() == nil; n += liveCallers {
				if first == 0 && read == nil && n > changeCount*9/10 {
					var err error
					if read, err = connect(ctx, hostOf(l.clone.center.AdminURL), l.clone.tls, 10*time.Minute); err != nil {
						return err
					}
				}
				if status, err := w.exchange(requests[n]); err != nil || status < 200 || status > 299 {
					return fmt.Errorf("change at the master: status %d %s: %w", status, w.body, err)
				}
			}
			return ctx.Err()
		})
	}
	err = all.Wait()
	if read != nil {
		defer read.close()
	}
	if err != nil {
		return 0, 0, err
	}
	acknowledged := time.Now()
	for n := changeCount - liveCallers; n < changeCount; n++ {
		if err := l.clone.await(ctx, read, n, mark); err != nil {
			return 0, 0, err
		}
	}
	return time.Since(begin), time.Since(acknowledged), nil
}

// putGroup is the whole request that writes a group.
func (a *admin) putGroup(n int, mark string) ([]byte, error) {
	g := group(n, mark)
	body, err := json.Marshal(g)
	if err != nil {
		return nil, fmt.Errorf("encode group: %w", err)
	}
	return fmt.Appendf(nil, "PUT /v1/groups/%s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		g.Name, hostOf(a.center.AdminURL), a.token, len(body), body), nil
}

const (
	awaitLimit = time.Minute          // for a change at the clone
	awaitPause = 2 * time.Millisecond // between two looks: reading without one takes the processor away from what is measured
)

// await reads a group again and again until it has the mark.
func (a *admin) await(ctx context.Context, c *connection, n int, mark string) error {
	get := fmt.Appendf(nil, "GET /v1/groups/%s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", group(n, mark).Name, hostOf(a.center.AdminURL), a.token)
	pause := time.NewTicker(awaitPause)
	defer pause.Stop()
	for begin := time.Now(); time.Since(begin) < awaitLimit && ctx.Err() == nil; <-pause.C {
		if _, err := c.exchange(get); err != nil {
			return fmt.Errorf("read at the clone: %w", err)
		}
		if bytes.Contains(c.body, []byte(`"`+mark+`.`)) {
			return nil
		}
	}
	return errors.Join(ctx.Err(), fmt.Errorf("group %d was not %q at the clone after %s: %s", n, mark, awaitLimit, c.body))
}
