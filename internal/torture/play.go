package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// play stands in for a test when a fault runs outside of `go test`, so that internal/testkit serves both. Only the methods
// below may be called; the rest of testing.TB is not there.
type play struct {
	testing.TB
	ctx  context.Context
	name string

	mu       sync.Mutex // guards all below
	failed   bool
	skipped  bool
	cleanups []func()
}

func newPlay(ctx context.Context, name string) *play { return &play{ctx: ctx, name: name} }

// perform runs f as a test is run: Fatal and Skip end it, and what it started is cleaned up.
func (p *play) perform(f func()) {
	ctx, cancel := context.WithCancel(p.ctx)
	p.ctx = ctx
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer p.clean()
		defer cancel() // before the cleanups, as of a test
		f()
	}()
	<-done
}

func (p *play) clean() {
	for {
		p.mu.Lock()
		n := len(p.cleanups)
		if n == 0 {
			p.mu.Unlock()
			return
		}
		f := p.cleanups[n-1]
		p.cleanups = p.cleanups[:n-1]
		p.mu.Unlock()
		f()
	}
}

func (p *play) Name() string             { return p.name }
func (p *play) Helper()                  {}
func (p *play) Context() context.Context { return p.ctx }
func (p *play) Log(args ...any)          { fmt.Fprintln(os.Stderr, append([]any{p.name + ":"}, args...)...) }
func (p *play) Logf(f string, a ...any)  { p.Log(fmt.Sprintf(f, a...)) }

func (p *play) Cleanup(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cleanups = append(p.cleanups, f)
}

func (p *play) TempDir() string {
	dir, err := os.MkdirTemp("", "torture-"+strings.ToLower(p.name)+"-")
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() { _ = os.RemoveAll(dir) })
	inner := filepath.Join(dir, "dir") // as of a test, beside which there may be more
	if err := os.Mkdir(inner, 0o700); err != nil {
		p.Fatal(err)
	}
	return inner
}

func (p *play) Fail() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failed = true
}

func (p *play) Failed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failed
}

func (p *play) FailNow()                  { p.Fail(); runtime.Goexit() }
func (p *play) Error(args ...any)         { p.Log(args...); p.Fail() }
func (p *play) Errorf(f string, a ...any) { p.Logf(f, a...); p.Fail() }
func (p *play) Fatal(args ...any)         { p.Log(args...); p.FailNow() }
func (p *play) Fatalf(f string, a ...any) { p.Logf(f, a...); p.FailNow() }

func (p *play) Skipf(f string, a ...any) {
	p.Logf(f, a...)
	p.mu.Lock()
	p.skipped = true
	p.mu.Unlock()
	runtime.Goexit()
}

func (p *play) Skipped() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.skipped
}
