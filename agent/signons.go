package agent

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

const (
	maxDecisions = 8 << 10
	maxEnded     = 32 << 10 // of a generation
	maxLifetime  = 20 * time.Second
	endedFor     = time.Hour // at least; Concord has told all servers long before
)

// signOns is what is remembered of sign-ons: decisions that may be used again, answers that go on for long, and ends that we were
// told of. All of it is about a time in which an end has to count at once, so one lock guards it.
type signOns struct {
	mu        sync.Mutex // guards the rest
	decisions map[decisionKey]decision
	swept     time.Time     // when decisions that were over were dropped
	limit     time.Duration // for which a decision is kept at most; the registration's
	streams   map[string]map[*context.CancelFunc]bool
	ended     map[string]bool
	before    map[string]bool // the generation before ended
	turned    time.Time       // when ended began
}

// decisionKey is a hash of all that Concord was asked about.
type decisionKey [sha256.Size]byte

type decision struct {
	answer wire.AuthorizeAnswer
	until  time.Time
}

func newSignOns() *signOns {
	return &signOns{decisions: map[decisionKey]decision{}, limit: maxLifetime, streams: map[string]map[*context.CancelFunc]bool{}, ended: map[string]bool{}}
}

func keyOf(in *wire.AuthorizeRequest) decisionKey {
	h := sha256.New()
	for _, s := range []string{in.Method, in.Scheme, in.Host, in.Target, in.ClientAddress, in.Cookie, in.InactivityCookie} {
		_, _ = h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(s)))) // never fails
		_, _ = h.Write([]byte(s))
	}
	return decisionKey(h.Sum(nil))
}

// known gives the answer of before, if it may still be used.
func (s *signOns) known(key decisionKey, now time.Time) (wire.AuthorizeAnswer, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok := s.decisions[key]
	if !ok || !now.Before(d.until) || now.Before(d.until.Add(-maxLifetime)) { // a clock that was set back proves nothing
		return wire.AuthorizeAnswer{}, false
	}
	return d.answer, true
}

// keep remembers an allow for as long as Concord says, counted from when it was asked. False when the sign-on has ended.
func (s *signOns) keep(key decisionKey, a wire.AuthorizeAnswer, asked time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isEnded(a.SSOID) {
		return false
	}
	life := min(time.Duration(min(max(a.CacheSeconds, 0), 60))*time.Second, s.limit)
	if a.SSOID == "" || a.CredentialsUsed || life <= 0 { // what a password opened is no answer to the same cookies without it
		return true
	}
	if len(s.decisions) >= maxDecisions && asked.Sub(s.swept).Abs() >= time.Second {
		s.swept = asked
		s.drop(func(d decision) bool { return !asked.Before(d.until) })
	}
	if len(s.decisions) >= maxDecisions { // all in use: asking is always right
		return true
	}
	a.SetCookies = nil // they were set once
	s.decisions[key] = decision{answer: a, until: asked.Add(life)}
	return true
}

func (s *signOns) drop(what func(decision) bool) {
	for k, d := range s.decisions {
		if what(d) {
			delete(s.decisions, k)
		}
	}
}

// setLimit takes over for how long the registration lets decisions be used; shorter counts at once.
func (s *signOns) setLimit(limit time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	limit = min(max(limit, 0), maxLifetime)
	if limit < s.limit {
		clear(s.decisions)
	}
	s.limit = limit
}

// enter notes an answer that may go on for long, which cancel ends; leave takes it off. False when the sign-on has ended.
func (s *signOns) enter(sso string, cancel context.CancelFunc) (leave func(), ok bool) {
	if sso == "" {
		return func() {}, true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isEnded(sso) {
		return nil, false
	}
	if s.streams[sso] == nil {
		s.streams[sso] = map[*context.CancelFunc]bool{}
	}
	s.streams[sso][&cancel] = true
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.streams[sso], &cancel)
		if len(s.streams[sso]) == 0 {
			delete(s.streams, sso)
		}
	}, true
}

// end makes the end of a sign-on count: no decision about it is used again, and what goes on under it is cut off.
func (s *signOns) end(sso string, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.ended) >= maxEnded || now.Sub(s.turned) >= endedFor {
		s.ended, s.before, s.turned = map[string]bool{}, s.ended, now
	}
	s.ended[sso] = true
	s.drop(func(d decision) bool { return d.answer.SSOID == sso })
	for cancel := range s.streams[sso] {
		(*cancel)()
	}
}

func (s *signOns) isEnded(sso string) bool { return sso != "" && (s.ended[sso] || s.before[sso]) }
