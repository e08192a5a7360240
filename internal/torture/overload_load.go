package main

import (
	"context"
	"crypto/tls"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// givesUp is how late a request may be sent; later ones are not sent at all, as by somebody who went away.
const givesUp = time.Second

// demand is one kind of request, over connections of its own.
type demand struct {
	name  string
	lines []*line
	word  func(line, n int) []byte // the n-th request of a connection
	good  func(answer) bool
	peak  float64 // a second, over as few connections as reach it
}

func newDemand(name string, lines int, address string, t *tls.Config, word func(line, n int) []byte, good func(answer) bool) *demand {
	d := &demand{name: name, word: word, good: good}
	for range lines {
		d.lines = append(d.lines, newLine(address, t))
	}
	return d
}

func (d *demand) close() {
	for _, l := range d.lines {
		l.close()
	}
}

// tally is what became of a load.
type tally struct {
	good, shed, wrong, unsent atomic.Int64
	first                     atomic.Pointer[string] // of what was wrong

	mu    sync.Mutex // guards times
	times []time.Duration
}

// note judges one answer: 429 and 503 must say when to come again.
func (t *tally) note(d *demand, a answer, err error) {
	switch {
	case err == nil && d.good(a):
		t.good.Add(1)
	case err == nil && (a.status == http.StatusTooManyRequests || a.status == http.StatusServiceUnavailable) && a.retryAfter != "":
		t.shed.Add(1)
	default:
		t.wrong.Add(1)
		what := a.body
		if err != nil {
			what = err.Error()
		}
		what = http.StatusText(a.status) + " " + what
		t.first.CompareAndSwap(nil, &what)
	}
}

// share is how much of what was sent was done.
func (t *tally) share() float64 {
	return float64(t.good.Load()) / float64(max(1, t.good.Load()+t.shed.Load()+t.wrong.Load()))
}

// late gives the time that all but one in a hundred good answers took at most.
func (t *tally) late() time.Duration {
	if len(t.times) == 0 {
		return 0
	}
	slices.Sort(t.times)
	return t.times[len(t.times)*99/100]
}

// closed asks over some of the connections, over each again as soon as there is an answer, and gives the good answers a second.
func (d *demand) closed(ctx context.Context, lines int, took time.Duration) (float64, *tally) {
	t, begin := &tally{}, time.Now()
	d.each(ctx, lines, t, func() bool { return time.Since(begin) < took })
	return float64(t.good.Load()) / time.Since(begin).Seconds(), t
}

// open asks at a rate, whatever the answers do, as long as a connection is free: a server that is slow gets no fewer requests until all of
// them wait. What cannot be sent for a second is not sent.
func (d *demand) open(ctx context.Context, rate float64, took time.Duration) *tally {
	t, begin := &tally{}, time.Now()
	var next atomic.Int64
	d.each(ctx, len(d.lines), t, func() bool {
		for {
			due := begin.Add(time.Duration(float64(next.Add(1)-1) / rate * float64(time.Second)))
			late := time.Since(due)
			switch {
			case due.Sub(begin) >= took || ctx.Err() != nil:
				return false
			case late > givesUp:
				t.unsent.Add(1)
				continue
			case late < 0:
				pause(ctx, -late)
			}
			return true
		}
	})
	return t
}

// each has connections ask while go on.
func (d *demand) each(ctx context.Context, lines int, t *tally, goOn func() bool) {
	var all sync.WaitGroup
	for i, l := range d.lines[:min(lines, len(d.lines))] {
		all.Go(func() {
			var times []time.Duration
			for n := 0; ctx.Err() == nil && goOn(); n++ {
				sent := time.Now()
				a, err := l.ask(ctx, d.word(i, n))
				if ctx.Err() != nil {
					break
				}
				t.note(d, a, err)
				if err == nil && d.good(a) {
					times = append(times, time.Since(sent))
				}
			}
			t.mu.Lock()
			defer t.mu.Unlock()
			t.times = append(t.times, times...)
		})
	}
	all.Wait()
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
