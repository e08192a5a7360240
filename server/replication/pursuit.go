package replication

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

const (
	firstPause = 100 * time.Millisecond
	longPause  = 5 * time.Second
	answerTime = 10 * time.Second // for an answer, on top of the wait that was asked for
	silence    = 30 * time.Second // between two objects of a snapshot
)

// stopError says that the agreement must not go on by itself.
type stopError struct{ reason string }

func (e *stopError) Error() string { return e.reason }

var errWoken = errors.New("woken")

// pursuit follows one agreement while its settings stay what they are.
type pursuit struct {
	f       *Follower
	s       *side
	a       mdc.Agreement
	pause   time.Duration // the last one after a failure; 0 = all is well
	settled bool          // the master has answered since the last failure, so the next question may wait for news
	copied  bool          // a copy was taken and the master has not confirmed it yet
	renewed bool          // an administrator has just enabled the agreement: the master's copy counts, whatever it is
	next    *ahead        // what follows the page in hand, asked for while that is applied; nil = not asked
}

func (p *pursuit) run(ctx context.Context) {
	p.begin(ctx)
	defer p.dropAhead()
	for ctx.Err() == nil {
		idle, err := p.round(ctx)
		if ctx.Err() != nil {
			return
		}
		stop, stopped := errors.AsType[*stopError](err)
		switch {
		case errors.Is(err, errWoken):
			p.settled = false
		case stopped:
			p.stopped(ctx, stop.reason)
			p.rest(ctx, -1)
		case err != nil:
			p.failed(ctx, err)
			p.rest(ctx, p.backOff())
		case idle && !p.a.Follow:
			p.rest(ctx, p.a.PollInterval.D())
		}
	}
}

func (p *pursuit) begin(ctx context.Context) {
	p.f.note(ctx, p.s, func(m *mark) {
		if m.State != mdc.AgreementDisabled {
			return
		}
		p.renewed = true
		m.State, m.Reason = mdc.AgreementStale, "the agreement was enabled and catches up"
		if !m.Copy {
			m.State, m.Reason = mdc.AgreementBootstrapping, "the first copy is under way"
		}
	})
}

// backOff doubles from firstPause to longPause; half of it is chance, so that clones do not come all at once.
func (p *pursuit) backOff() time.Duration {
	p.pause = min(longPause, max(firstPause, 2*p.pause))
	return p.pause/2 + rand.N(p.pause/2)
}

// rest waits for d (less than 0: for ever) or until somebody wakes the agreement.
func (p *pursuit) rest(ctx context.Context, d time.Duration) {
	var over <-chan time.Time
	if d >= 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		over = t.C
	}
	p.settled = p.settled && d > longPause // after an interval of the agreement's own nothing is wrong
	select {
	case <-over:
	case <-p.s.wake:
	case <-ctx.Done():
	}
}

// round asks once and applies the answer. idle says that there was nothing to do. One round is one hop and, when there is
// something, one commit: the next question carries the new position and acknowledges it.
func (p *pursuit) round(ctx context.Context) (idle bool, err error) {
	at, err := p.f.c.Log.Position(ctx)
	if err != nil {
		return false, err
	}
	asked := time.Now()
	wait := p.wait()
	page := p.takeAhead(at)
	early := page != nil
	if !early {
		answer, err := p.ask(ctx, at, wait)
		if err != nil {
			return false, err
		}
		page = p.open(answer)
	}
	if page.SnapshotFrom != "" && p.copied {
		return false, fmt.Errorf("the copy from %s does not fit its journal: %s", p.a.Source, page.SnapshotFrom)
	}
	if page.Rewritten {
		err = p.rewritten(at)
	}
	if page.SnapshotFrom != "" && err == nil {
		err = p.copy(ctx, at, page.SnapshotFrom)
	}
	if page.SnapshotFrom != "" {
		return false, err
	}
	p.askAhead(ctx, page)
	applied, err := p.apply(ctx, at, page)
	if err != nil {
		p.dropAhead() // what follows does not continue what was reached
	}
	if errors.Is(err, journal.ErrDiverged) && !p.copied {
		return false, p.copy(ctx, at, err.Error())
	}
	if err != nil {
		return false, err
	}
	p.answered(ctx, applied, page.Latest)
	if len(page.Records) == 0 && wait > 0 && !early && time.Since(asked) < wait/2 {
		p.rest(ctx, firstPause) // a master that drains, or something between us, answers without waiting: no storm
	}
	return applied >= page.Latest, nil
}

// wait is how long the master may keep the question. The first one after a start or a failure is answered at once, so that
// it is known soon whether all is well.
func (p *pursuit) wait() time.Duration {
	if !p.settled || !p.a.Follow {
		return 0
	}
	return MaxWait
}

func (p *pursuit) ask(ctx context.Context, at mdc.Position, wait time.Duration) (Page, error) {
	asking, cancel := context.WithTimeout(ctx, wait+answerTime)
	defer cancel()
	p.interruptible(cancel)
	defer p.interruptible(nil)
	page, err := p.f.c.Sources.Journal(asking, p.a.Source, p.a.Identifier, at, wait)
	if err == nil {
		return page, nil
	}
	select {
	case <-p.s.wake:
		return Page{}, errWoken
	default:
		return Page{}, fmt.Errorf("ask %s for its journal: %w", p.a.Source, err)
	}
}

func (p *pursuit) interruptible(cancel context.CancelFunc) {
	p.f.mu.Lock()
	defer p.f.mu.Unlock()
	p.s.interrupt = cancel
}

// answered enters a success.
func (p *pursuit) answered(ctx context.Context, applied, latest uint64) {
	now, equal := p.f.c.Clock.Now(), true
	p.f.update(p.s, func(s *side) {
		s.latest, s.equal, s.failures = max(latest, applied), &equal, 0
		if applied >= latest {
			s.inStep, s.caughtUp = now, true
		}
	})
	p.settled, p.copied, p.renewed, p.pause = true, false, false, 0
	p.f.note(ctx, p.s, func(m *mark) {
		m.State, m.Reason, m.Copy, m.LastSuccess = mdc.AgreementReady, "follows "+p.a.Source, true, now
	})
	p.f.update(p.s, (*side).turned)
}

// failed enters a failure. The first in a row may be a connection that was closed under way; the second makes it stale.
func (p *pursuit) failed(ctx context.Context, err error) {
	now := p.f.c.Clock.Now()
	var failures int
	p.f.update(p.s, func(s *side) {
		s.failures++
		failures = s.failures
		s.caughtUp = s.caughtUp || failures > 1 && s.mark.Copy
	})
	p.settled, p.copied = false, false
	p.f.note(ctx, p.s, func(m *mark) {
		m.LastError, m.LastErrorAt = clip(err.Error()), now
		if failures > 1 && m.Copy {
			m.State, m.Reason = mdc.AgreementStale, p.silence(m, err)
		}
	})
	p.f.update(p.s, (*side).turned)
	if fault.CodeOf(err) == CodeWrongIdentity {
		p.f.c.Unknown(p.a.Identifier)
	}
	p.log().Debug("replication round failed", "agreement", p.a.Identifier, "source", p.a.Source, "failures", failures, "error", err)
	if failures == 2 {
		p.log().Warn("replication has no answer", "agreement", p.a.Identifier, "source", p.a.Source, "error", err)
	}
}

// silence says since when and why the clone cannot ask its master, and what that means.
func (p *pursuit) silence(m *mark, err error) string {
	since := ""
	if !m.LastSuccess.IsZero() {
		since = " since " + m.LastSuccess.UTC().Format(time.RFC3339)
	}
	return clip(fmt.Sprintf("%s has not answered%s (%v); the copy that is here is served", p.a.Source, since, err))
}

func (p *pursuit) stopped(ctx context.Context, reason string) {
	now := p.f.c.Clock.Now()
	p.settled = false
	p.f.note(ctx, p.s, func(m *mark) {
		m.State, m.Reason = mdc.AgreementStopped, clip(reason)
		m.LastError, m.LastErrorAt = clip(reason), now
	})
	p.f.update(p.s, (*side).turned)
	p.log().Error("replication stopped", "agreement", p.a.Identifier, "source", p.a.Source, "reason", reason)
}

// log names the identity under which this data center asks.
func (p *pursuit) log() *slog.Logger {
	return p.f.c.Logger.With("actor", mdc.ReplicationIdentity(p.a.Identifier))
}

// clip bounds what is kept and shown of an error that another data center may have worded.
func clip(s string) string {
	if len(s) > 512 {
		return s[:512] + "…"
	}
	return s
}
