package testkit

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
)

// For is d for another test, or part of one: what fails there ends that.
func (d *DataCenter) For(t testing.TB) *DataCenter {
	out := *d
	out.t = t
	return &out
}

// Try runs f with a test of its own, whose requests have ctx, and gives what failed there: it ends f and nothing else.
func Try(ctx context.Context, t testing.TB, f func(testing.TB)) error {
	a := &attempt{TB: t, ctx: ctx}
	done := make(chan struct{})
	go func() { // joined through done
		defer close(done)
		defer a.clean()
		f(a)
	}()
	<-done
	return a.err
}

// attempt is a part of a test that may fail.
type attempt struct {
	testing.TB
	ctx context.Context

	mu       sync.Mutex // guards all below
	err      error
	cleanups []func()
}

// Context is what requests are made with.
func (a *attempt) Context() context.Context { return a.ctx }

// Cleanup runs f at the end of the attempt.
func (a *attempt) Cleanup(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.cleanups = append(a.cleanups, f)
}

func (a *attempt) clean() {
	a.mu.Lock()
	all := a.cleanups
	a.mu.Unlock()
	for i := len(all) - 1; i >= 0; i-- {
		all[i]()
	}
}

func (a *attempt) note(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.err = errors.Join(a.err, err)
}

// Failed says whether something has failed.
func (a *attempt) Failed() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.err != nil
}

// Error notes a failure.
func (a *attempt) Error(args ...any) { a.note(errors.New(fmt.Sprint(args...))) }

// Errorf notes a failure.
func (a *attempt) Errorf(format string, args ...any) { a.note(fmt.Errorf(format, args...)) }

// Fatal notes a failure and ends the attempt.
func (a *attempt) Fatal(args ...any) { a.Error(args...); a.FailNow() }

// Fatalf notes a failure and ends the attempt.
func (a *attempt) Fatalf(format string, args ...any) { a.Errorf(format, args...); a.FailNow() }

// Fail notes a failure.
func (a *attempt) Fail() { a.Error("failed") }

// FailNow ends the attempt.
func (a *attempt) FailNow() { runtime.Goexit() }
