package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/config"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

const (
	memoryRounds = 3
	memoryStart  = 500
	memoryInUse  = 20_000 // these and those before stay decoded, with their opened cookies and the answers about them
	memoryFull   = 81_920 // more than there is room for in those forms: from here on each takes another's place
	memoryMore   = 65_536 // sessions that are measured: as many as there is room for, so that as many of the others are decoded before and after

	memoryAgain = 1
	memoryStill = 1.01 // growth by less is none

	memoryTime = 28 * time.Second // a round that takes longer has last accesses written before its end, and is made again
	memoryMost = 6                // rounds altogether

	// redisRecord is what redis takes for a record of 512 bytes, in bytes, where it is not installed: its own figure.
	redisRecord = 735
)

// memoryPerSession measures by how many bytes a server grows for each further session that is asked about and stays in memory, when what
// it keeps of the sessions in use has reached its bound; beside redis with the same records. Last accesses wait in memory: all is
// asked within the half minute before they are written for the first time, and the store's memtable, which has a bound too, does not
// grow. The note is what a session in use takes before the bounds are reached.
func memoryPerSession(ctx context.Context, s *stage) error {
	dcs, err := s.layOut(ctx, "NYDC", 1)
	if err != nil {
		return err
	}
	const all = memoryFull + memoryMore
	requests, err := s.prepare(ctx, dcs[0], declare, crowd{sessions: all, cookies: all})
	if err != nil {
		return err
	}
	var more, inUse []pair
	for n := 0; len(more) < memoryRounds; n++ {
		floor, err := s.redis(ctx, n)
		if err != nil {
			return err
		}
		g, err := s.growth(ctx, dcs[0], requests)
		if err != nil {
			return err
		}
		if g.took > memoryTime && n+memoryRounds-len(more) < memoryMost {
			continue
		}
		more, inUse = append(more, pair{g.more, floor}), append(inUse, pair{g.inUse, floor})
	}
	s.report.note(judge("memory-per-session/in-use", "bytes", inUse, goal{}))
	s.report.add(judge("memory-per-session", "bytes", more, goal{false, 0.5}))
	return nil
}

// growth is bytes a session.
type growth struct {
	inUse, more float64
	took        time.Duration // from the start of the process
}

// growth starts the data center anew and asks about one session after another.
func (s *stage) growth(ctx context.Context, dc config.DevDataCenter, requests [][]byte) (g growth, err error) {
	began := time.Now()
	t, err := s.warm(ctx, dc, requests[:memoryStart])
	if err != nil {
		return g, err
	}
	defer t.close()
	defer func() { err = errors.Join(err, t.process.stop()) }()
	start, err := t.grow(ctx, requests[:memoryStart])
	if err != nil {
		return g, err
	}
	used, err := t.grow(ctx, requests[memoryStart:memoryInUse])
	if err != nil {
		return g, err
	}
	full, err := t.settle(ctx, requests[:memoryFull])
	if err != nil {
		return g, err
	}
	last, err := t.settle(ctx, requests[memoryFull:])
	t.process.profileFromNow()
	return growth{inUse: (used - start) / (memoryInUse - memoryStart), more: (last - full) / memoryMore, took: time.Since(began)}, err
}

// grow asks and gives the memory that the process has then.
func (t *target) grow(ctx context.Context, requests [][]byte) (float64, error) {
	if err := t.each(ctx, requests); err != nil {
		return 0, err
	}
	return t.process.resident()
}

// settle asks until the process grows no more by being asked the same: it has then as much garbage as its collector ever lets gather, so that
// what it grows by between two such moments is what it keeps.
func (t *target) settle(ctx context.Context, requests [][]byte) (float64, error) {
	last, err := t.grow(ctx, requests)
	for n := 0; err == nil && n < memoryAgain; n++ {
		before := last
		if last, err = t.grow(ctx, requests); last < before*memoryStill {
			break
		}
	}
	return last, err
}

// redis gives the bytes that redis grows by for a session's record; its own figure where it is not installed.
func (s *stage) redis(ctx context.Context, round int) (float64, error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return redisRecord, nil //nolint:nilerr // docs/performance.md says so
	}
	socket := filepath.Join(os.TempDir(), fmt.Sprintf("concord-bench-%d-%d.sock", os.Getpid(), round)) // the run's folder may be too deep
	defer os.Remove(socket)
	p, err := s.start("redis", program, "--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no", "--dir", s.dir)
	if err != nil {
		return 0, err
	}
	defer p.stop() //nolint:errcheck // stopAll reports nothing either
	var c net.Conn
	err = until(ctx, 20*time.Second, func(ctx context.Context) (err error) {
		if err := p.ended(); err != nil {
			return err
		}
		c, err = (&net.Dialer{}).DialContext(ctx, "unix", socket)
		return err
	})
	if err != nil {
		return 0, err
	}
	defer c.Close()
	if err := fillRedis(c, 0, memoryFull); err != nil {
		return 0, err
	}
	before, err := p.resident()
	if err != nil {
		return 0, err
	}
	if err := fillRedis(c, memoryFull, memoryMore); err != nil {
		return 0, err
	}
	after, err := p.resident()
	return (after - before) / memoryMore, err
}

// fillRedis sets records as sessions have them, some at a time, so that redis keeps neither questions nor answers for long.
func fillRedis(c net.Conn, from, count int) error {
	const batch = 1000
	for ; count > 0; from, count = from+batch, count-batch {
		if err := setRedis(c, from, min(batch, count)); err != nil {
			return err
		}
	}
	return nil
}

func setRedis(c net.Conn, from, count int) error {
	var b bytes.Buffer
	for i := from; i < from+count; i++ {
		record, err := json.Marshal(redisSession(i))
		if err != nil {
			return fmt.Errorf("encode session: %w", err)
		}
		key := redisSession(i).ID
		fmt.Fprintf(&b, "*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", len(key), key, len(record), record)
	}
	if _, err := c.Write(b.Bytes()); err != nil {
		return fmt.Errorf("set records: %w", err)
	}
	in := make([]byte, count*len("+OK\r\n"))
	if _, err := io.ReadFull(c, in); err != nil {
		return fmt.Errorf("set records: %w", err)
	}
	if strings.Contains(string(in), "-") {
		return fmt.Errorf("set records: %s", in[:min(len(in), 200)])
	}
	return nil
}

// redisSession is one like those that populate makes.
func redisSession(i int) *mdc.Session {
	now := time.Now()
	id := fmt.Sprintf("%022d", i)
	return &mdc.Session{ID: mdc.SessionID(id), ProofHash: make([]byte, 32), SSOID: mdc.SSOID(id), User: userName(i), Store: mdc.LocalStore, Groups: []string{"staff"}, Level: 1,
		ClientAddress: "192.0.2.1", CreatedAt: now, AuthenticatedAt: now, ExpiresAt: now.Add(12 * time.Hour), LastAccess: now, Rule: "signed_in", Chain: []string{"NYDC"}}
}
