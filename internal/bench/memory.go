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

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

const (
	memoryRounds   = 3
	memoryWarm     = 500
	memorySessions = 30_000 // as many as surely stay in memory

	// redisRecord is what redis takes for a record of 512 bytes, in bytes, where it is not installed: its own figure.
	redisRecord = 735
)

// memoryPerSession measures by how many bytes a server grows for a session that it holds in memory, with its opened cookie and the answer
// about it, beside redis with the same records.
func memoryPerSession(ctx context.Context, s *stage) error {
	dcs, err := s.layOut(ctx, "NYDC", 1)
	if err != nil {
		return err
	}
	requests, err := s.prepare(ctx, dcs[0], declare, crowd{sessions: memoryWarm + memorySessions, cookies: memoryWarm + memorySessions})
	if err != nil {
		return err
	}
	var rounds []pair
	for n := range memoryRounds {
		floor, err := s.redis(ctx, n)
		if err != nil {
			return err
		}
		t, err := s.warm(ctx, dcs[0], requests[:memoryWarm])
		if err != nil {
			return err
		}
		before, err1 := t.process.resident()
		err2 := t.each(ctx, requests[memoryWarm:])
		after, err3 := t.process.resident()
		t.process.profileFromNow()
		t.close()
		if err := errors.Join(err1, err2, err3, t.process.stop()); err != nil {
			return err
		}
		rounds = append(rounds, pair{(after - before) / memorySessions, floor})
	}
	s.report.add(judge("memory-per-session", "bytes", rounds, goal{false, 0.5}))
	return nil
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
	if err := fillRedis(c, 0, memoryWarm); err != nil {
		return 0, err
	}
	before, err := p.resident()
	if err != nil {
		return 0, err
	}
	if err := fillRedis(c, memoryWarm, memorySessions); err != nil {
		return 0, err
	}
	after, err := p.resident()
	return (after - before) / memorySessions, err
}

// fillRedis sets records as sessions have them.
func fillRedis(c net.Conn, from, count int) error {
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
