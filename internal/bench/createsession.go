package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/session"
)

const (
	createRounds  = 7
	createTurn    = time.Second
	createCallers = 64
	createSingly  = 60 // sessions a round, one by one
)

// createSession measures how many sessions the engine makes durable for 64 callers, beside a bare file to which as many callers append
// the same bytes and share their syncs; and one caller beside one append and sync.
func createSession(ctx context.Context, s *stage) (err error) {
	dcs, err := s.layOut(ctx, "NYDC", 1)
	if err != nil {
		return err
	}
	p, _, err := s.server(ctx, dcs[0], dcs[0].ConfigFile) // makes the cookie keys
	if err != nil {
		return err
	}
	if err := p.stop(); err != nil {
		return err
	}
	m, err := openMaker(ctx, dcs[0])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.close()) }()
	f, err := m.signIn(ctx, 0)
	if err != nil {
		return err
	}
	record, err := sessionBytes(f)
	if err != nil {
		return err
	}
	file, err := newGroupedFile(filepath.Join(s.dir, "appended"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.close()) }()
	var many, one []pair
	for range createRounds {
		ours, err1 := inParallel(ctx, createCallers, createTurn, func(i int) error { return m.signInOnly(ctx, i) })
		floor, err2 := inParallel(ctx, createCallers, createTurn, func(int) error { return file.append(record) })
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		many = append(many, pair{ours, floor})
		single, err := m.singly(ctx, file, record)
		if err != nil {
			return err
		}
		one = append(one, single)
	}
	s.report.add(judge("create-session", "1/s", many, goal{true, 0.5}), judge("create-session/one-caller-p50", "ms", one, goal{false, 1.8}))
	return nil
}

func (m *maker) signInOnly(ctx context.Context, i int) error {
	_, err := m.signIn(ctx, i)
	return err
}

// singly takes turns: a session, then the floor's append.
func (m *maker) singly(ctx context.Context, file *groupedFile, record []byte) (pair, error) {
	var ours, floor []float64
	for i := range createSingly {
		begin := time.Now()
		if err := m.signInOnly(ctx, i); err != nil {
			return pair{}, err
		}
		made := time.Now()
		if _, err := file.file.Write(record); err != nil {
			return pair{}, fmt.Errorf("append: %w", err)
		}
		if err := syncData(file.file); err != nil {
			return pair{}, fmt.Errorf("sync: %w", err)
		}
		ours, floor = append(ours, milliseconds(made.Sub(begin))), append(floor, milliseconds(time.Since(made)))
	}
	return pair{quantile(ours, 0.5), quantile(floor, 0.5)}, nil
}

// sessionBytes are as many as the record of a session and the keys that lead to it have.
func sessionBytes(f session.Found) ([]byte, error) {
	b, err := json.Marshal(f.Session)
	if err != nil {
		return nil, fmt.Errorf("encode session: %w", err)
	}
	id := string(f.Session.ID)
	for _, cell := range []string{"s/" + id, "o/" + string(f.Session.SSOID) + id, "u/" + f.Session.User + "/" + f.Session.Store + "/" + id} {
		b = append(b, cell...)
	}
	return b, nil
}

// groupedFile is a floor: what callers append is written and synced by one goroutine, for all that wait at a time.
type groupedFile struct {
	file  *os.File
	queue chan appended
	done  chan struct{} // closed when the goroutine has ended
}

type appended struct {
	record []byte
	answer chan error // capacity 1
}

func newGroupedFile(name string) (*groupedFile, error) {
	file, err := os.Create(name) //nolint:gosec // in the run's own folder
	if err != nil {
		return nil, fmt.Errorf("make file: %w", err)
	}
	g := &groupedFile{file: file, queue: make(chan appended, 1024), done: make(chan struct{})}
	go g.run()
	return g, nil
}

func (g *groupedFile) append(record []byte) error {
	a := appended{record, make(chan error, 1)}
	g.queue <- a
	return <-a.answer
}

func (g *groupedFile) run() {
	defer close(g.done)
	var buffer []byte
	for first := range g.queue {
		group := []appended{first}
		for range len(g.queue) {
			group = append(group, <-g.queue)
		}
		buffer = buffer[:0]
		for _, a := range group {
			buffer = append(buffer, a.record...)
		}
		_, err := g.file.Write(buffer)
		if err == nil {
			err = syncData(g.file)
		}
		for _, a := range group {
			a.answer <- err
		}
	}
}

func (g *groupedFile) close() error {
	close(g.queue)
	<-g.done
	return g.file.Close()
}
