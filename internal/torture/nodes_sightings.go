package main

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// excused counts the take-overs that took too long while a member of etcd was away.
const excused = "excused"

// maxComplaints bounds what is kept of one kind of trouble: the first ones tell enough.
const maxComplaints = 50

// sightings are what the users of several nodes saw together. Safe for concurrent use.
type sightings struct {
	visits atomic.Int64 // answers to people
	calm   atomic.Int64 // odd while nothing is being killed

	mu         sync.Mutex // guards all below
	last       map[string]time.Time
	worst      map[string]time.Duration // by what was asked: the longest time in which nobody had an answer
	counts     map[string]int
	stale      []time.Duration // from an acknowledged sign-out until another node obeys it
	takeovers  []time.Duration
	starts     []time.Duration
	complaints []string
}

func newSightings() *sightings {
	return &sightings{last: map[string]time.Time{}, worst: map[string]time.Duration{}, counts: map[string]int{}}
}

// heard notes an answer.
func (s *sightings) heard(what string) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[what]++
	if last, ok := s.last[what]; ok {
		s.worst[what] = max(s.worst[what], now.Sub(last))
	}
	s.last[what] = now
}

// pause says that nobody asks any more.
func (s *sightings) pause(what string) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if last, ok := s.last[what]; ok {
		s.worst[what] = max(s.worst[what], now.Sub(last))
	}
	delete(s.last, what)
}

func (s *sightings) count(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[what]++
}

func (s *sightings) kill(kind string) { s.count("killed " + kind) }

func (s *sightings) obeyed(after time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stale = append(s.stale, after)
}

func (s *sightings) tookOver(after time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.takeovers = append(s.takeovers, after)
}

func (s *sightings) cameBack(after time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.starts = append(s.starts, after)
}

// complain notes a promise that was not kept.
func (s *sightings) complain(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.counts["broken"]++; len(s.complaints) < maxComplaints {
		s.complaints = append(s.complaints, fmt.Sprintf(format, args...))
	}
}

// take gives the complaints since the last time.
func (s *sightings) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.complaints
	s.complaints = nil
	return out
}

// lines are the figures.
func (s *sightings) lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.counts
	out := []string{
		fmt.Sprintf("kills nodes %d members %d workers %d; restarts %d, standstills %d", c["killed "+aNode], c["killed "+aMember], c["killed "+theWorker], c["killed "+aLeaver], c["killed "+aSleeper]),
		fmt.Sprintf("people sign-ins %d authorizations %d sign-outs %d without-answer %d unknown %d", c[signsIn], c[authorizes], c[signsOut], c["unanswered"], c["unknown"]),
	}
	for _, what := range []string{"administration", signsIn, authorizes, signsOut} {
		out = append(out, fmt.Sprintf("longest-time-without-answer %s %s", what, s.worst[what].Round(time.Millisecond)))
	}
	return append(out, "sign-out-obeyed-elsewhere "+spread(s.stale), fmt.Sprintf("work-taken-over %s late-without-a-member %d", spread(s.takeovers), c[excused]), "node-ready-again "+spread(s.starts))
}

// spread is the median and the greatest of times.
func spread(all []time.Duration) string {
	if len(all) == 0 {
		return "never seen"
	}
	slices.Sort(all)
	return fmt.Sprintf("p50 %s worst %s of %d", all[len(all)/2].Round(100*time.Microsecond), all[len(all)-1].Round(time.Millisecond), len(all))
}
