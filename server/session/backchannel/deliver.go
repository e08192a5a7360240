package backchannel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/store"
)

const (
	firstPause  = 500 * time.Millisecond
	lastPause   = time.Minute
	lookEvery   = 5 * time.Second
	atOnce      = 8  // calls under way
	batch       = 64 // of one agent, read together
	callTimeout = 10 * time.Second
)

// Run makes the calls that are due until ctx ends; it returns when none is under way.
func (b *Book) Run(ctx context.Context) error {
	var wait sync.WaitGroup
	defer wait.Wait()
	turns := make(chan struct{}, atOnce)
	for recovered := false; ; {
		if !recovered {
			err := b.Recover(ctx)
			recovered = err == nil
			b.complain(ctx, err)
		}
		agents, err := b.waiting(ctx)
		b.complain(ctx, err)
		for _, agent := range agents {
			if b.begin(agent) {
				wait.Go(func() { b.serve(ctx, agent, turns) })
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-b.wake:
		case <-time.After(lookEvery):
		}
	}
}

func (b *Book) complain(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil {
		b.cfg.Logger.Error("agents that are to be told of ended sign-ons cannot be read or written; it is tried again", "error", err)
	}
}

// begin says that nobody serves the agent yet.
func (b *Book) begin(agent string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.running[agent] {
		return false
	}
	b.running[agent] = true
	return true
}

// serve makes the calls of one agent until none is left. After one that failed it pauses, and the others come first.
func (b *Book) serve(ctx context.Context, agent string, turns chan struct{}) {
	defer func() {
		b.mu.Lock()
		delete(b.running, agent)
		b.mu.Unlock()
		b.nudge() // one may have come since the last look
	}()
	for pause := time.Duration(0); ; {
		if pause > 0 && !rest(ctx, pause/2+rand.N(pause/2)) {
			return
		}
		calls, err := b.callsOf(ctx, agent)
		b.complain(ctx, err)
		switch {
		case ctx.Err() != nil, err == nil && len(calls) == 0:
			return
		case err == nil:
			if b.all(ctx, calls, turns) {
				pause = 0
				continue
			}
		}
		pause = min(max(2*pause, firstPause), lastPause)
	}
}

// all makes calls one after another; false when one failed, which ends it.
func (b *Book) all(ctx context.Context, calls []queued, turns chan struct{}) bool {
	for _, q := range calls {
		select {
		case turns <- struct{}{}:
		case <-ctx.Done():
			return false
		}
		limited, cancel := context.WithTimeout(ctx, callTimeout)
		err := b.cfg.Caller.Call(limited, q.Call)
		cancel()
		<-turns
		if ctx.Err() != nil && err != nil && !errors.Is(err, ErrRefused) {
			return false // the end cut it off
		}
		if err := b.settle(context.WithoutCancel(ctx), q, err); err != nil { // what was taken is not said again
			b.complain(ctx, err)
			return false
		}
		if err != nil && !errors.Is(err, ErrRefused) {
			return false
		}
	}
	return true
}

// settle forgets a call that was taken, refused or tried for long enough, and puts any other behind those that wait.
func (b *Book) settle(ctx context.Context, q queued, failed error) error {
	now := b.cfg.Clock.Now()
	again := failed != nil && !errors.Is(failed, ErrRefused) && now.Sub(q.At) < callFor
	switch {
	case again && q.Attempts == 0:
		b.cfg.Logger.Warn("an agent could not be told that a sign-on ended; it is tried again", "agent", q.Agent, "error", failed)
	case failed != nil && !again:
		b.cfg.Logger.Error("an agent was not told that a sign-on ended", "agent", q.Agent, "attempts", q.Attempts+1, "error", failed)
	}
	err := b.cfg.Store.Update(ctx, func(w store.Writer) error {
		if err := w.Delete(q.stored); err != nil || !again {
			return err
		}
		next := q.Call
		next.Attempts++
		return put(w, next.key(now), next, callFor-now.Sub(q.At))
	})
	if err != nil {
		return fmt.Errorf("settle a back-channel call to %s: %w", q.Agent, err)
	}
	return nil
}

// queued is a call with where it is stored.
type queued struct {
	Call
	stored []byte
}

func (b *Book) callsOf(ctx context.Context, agent string) (calls []queued, err error) {
	err = b.cfg.Store.View(ctx, func(r store.Reader) error {
		calls = nil
		return r.Range(store.Span{Prefix: callsOf(agent)}, func(k, v []byte) error {
			q := queued{stored: slices.Clone(k)}
			if err := json.Unmarshal(v, &q.Call); err != nil {
				return fmt.Errorf("decode back-channel call: %w", err)
			}
			if calls = append(calls, q); len(calls) == batch {
				return store.ErrStop
			}
			return nil
		})
	})
	return calls, err
}

// waiting lists the agents that have calls.
func (b *Book) waiting(ctx context.Context) (agents []string, err error) {
	err = b.cfg.Store.View(ctx, func(r store.Reader) error {
		agents = nil
		after := []byte(nil)
		for {
			last := ""
			err := r.Range(store.Span{Prefix: []byte(prefixCall), After: after}, func(k, _ []byte) error {
				last, _, _ = strings.Cut(string(k[len(prefixCall):]), "/")
				return store.ErrStop
			})
			if err != nil || last == "" {
				return err
			}
			agents = append(agents, last)
			after = append([]byte(prefixCall+last), '/'+1) // behind all of this agent's
		}
	})
	return agents, err
}

// rest waits; false when ctx ended.
func rest(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
