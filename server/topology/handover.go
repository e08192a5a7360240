package topology

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/failpoint"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Steps of a handover, in their order; a candidate that gives up thaws.
const (
	StepFreeze = "freeze" // hold changes, and say where the journal ends
	StepThaw   = "thaw"   // go on
	StepYield  = "yield"  // step down, if the journal still ends there
)

// Handover is a step that a candidate asks of the master it follows.
type Handover struct {
	Agreement string
	Step      string
	At        mdc.Position // of yield
	Force     bool         // of yield: also when the journal goes on after At; what follows is kept as a conflict file
}

// Refusals of a planned promotion that Force overrides.
var (
	errUnreachable = errors.New("the master cannot be reached")
	errNotMaster   = errors.New("the master is none")
)

// behindError says that the candidate lacks changes of a master that could be asked.
type behindError struct{ master, own mdc.Position }

func (*behindError) Error() string { return "the candidate lacks changes" }

// handover brings this data center to the exact position of its master, has the master step down there, and gives the position.
// Whatever fails before that leaves the master as it was.
func (m *Mastership) handover(ctx context.Context, a mdc.Agreement, wait time.Duration) (mdc.Position, error) {
	s, err := m.standingOf(ctx, a.Source)
	switch {
	case err != nil:
		return mdc.Position{}, fmt.Errorf("%w: %w", errUnreachable, err)
	case mdc.SameName(s.YieldedTo, m.c.ClusterID): // an earlier call was cut off
		return s.Position, m.reach(ctx, a.Source, s.Position, freezeTime)
	case s.Role != mdc.RoleMaster:
		return mdc.Position{}, errNotMaster
	}
	if err := m.near(ctx, a.Source, s.Position, wait); err != nil {
		return mdc.Position{}, err
	}
	at, err := m.c.Link.Handover(ctx, a.Source, Handover{Agreement: a.Identifier, Step: StepFreeze})
	if err != nil {
		return at, fmt.Errorf("%w: %w", errUnreachable, err)
	}
	failpoint.Here("handover.frozen")
	if err := m.reach(ctx, a.Source, at, freezeTime-time.Second/2); err != nil {
		m.letGo(ctx, a)
		return at, err
	}
	return at, m.relieve(ctx, a, at)
}

func (m *Mastership) letGo(ctx context.Context, a mdc.Agreement) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), standTime)
	defer cancel()
	if _, err := m.c.Link.Handover(ctx, a.Source, Handover{Agreement: a.Identifier, Step: StepThaw}); err != nil {
		m.c.Logger.Warn("the master could not be told to go on; it does so by itself", "master", a.Source, "error", err)
	}
}

// relieve has the master step down at a position. When the answer is lost it is asked whether it did.
func (m *Mastership) relieve(ctx context.Context, a mdc.Agreement, at mdc.Position) error {
	_, err := m.c.Link.Handover(ctx, a.Source, Handover{Agreement: a.Identifier, Step: StepYield, At: at})
	failpoint.Here("handover.relieved")
	if err == nil {
		return nil
	}
	if refused(err) {
		m.letGo(ctx, a)
		return err
	}
	for range 3 {
		s, asked := m.standingOf(ctx, a.Source)
		switch {
		case asked != nil:
		case mdc.SameName(s.YieldedTo, m.c.ClusterID) && s.Position == at:
			return nil
		case s.Role == mdc.RoleMaster:
			m.letGo(ctx, a)
			return err
		}
	}
	f := fault.New(fault.Unavailable, "handover_unknown", "%s was asked to step down and its answer is lost. It takes no changes if it did; as soon as it can be reached the promotion completes by itself.", a.Source)
	f.Err = err
	return f
}

// near waits until this data center has what the master had when it was asked, while changes go on.
func (m *Mastership) near(ctx context.Context, master string, at mdc.Position, wait time.Duration) error {
	return m.until(ctx, master, at, wait, func(own mdc.Position) bool { return own.Epoch == at.Epoch && own.Sequence >= at.Sequence })
}

// reach waits until this data center stands exactly at a position.
func (m *Mastership) reach(ctx context.Context, master string, at mdc.Position, wait time.Duration) error {
	return m.until(ctx, master, at, wait, func(own mdc.Position) bool { return own == at })
}

func (m *Mastership) until(ctx context.Context, master string, at mdc.Position, wait time.Duration, there func(mdc.Position) bool) error {
	end := time.NewTimer(wait)
	defer end.Stop()
	for first := true; ; first = false {
		changed := m.c.Log.Changed()
		own, err := m.c.Log.Position(ctx)
		if err != nil || there(own) {
			return err
		}
		if first {
			m.c.Wake(master)
		}
		select {
		case <-changed:
		case <-end.C:
			return &behindError{master: at, own: own}
		case <-ctx.Done():
			return &behindError{master: at, own: own}
		}
	}
}

// refusal is why a planned promotion was not done, and what a forced one costs.
type refusal struct {
	err     error
	reached bool // the master answered
	lost    *Range
}

// refusal words err. plain is false when Force would not help.
func (m *Mastership) refusal(ctx context.Context, a mdc.Agreement, err error) (r refusal, plain bool) {
	if behind, ok := errors.AsType[*behindError](err); ok {
		r.reached = true
		if behind.master.Sequence > behind.own.Sequence {
			r.lost = &Range{behind.own.Sequence + 1, behind.master.Sequence}
		}
		r.err = fault.New(fault.Conflict, "not_in_step", "%s does not stand where its master %s stands. %s Call again when it has caught up, or with force (concord promote --force) to accept that.", m.c.ClusterID, a.Source, r.words(a.Source))
		return r, true
	}
	if !errors.Is(err, errUnreachable) && !errors.Is(err, errNotMaster) {
		return refusal{err: err}, false
	}
	own, perr := m.c.Log.Position(ctx)
	_, _, lag, lerr := m.c.Follower.Progress(ctx, a)
	if err := errors.Join(perr, lerr); err != nil {
		return refusal{err: err}, false
	}
	if lag > 0 {
		r.lost = &Range{own.Sequence + 1, own.Sequence + lag}
	}
	f := fault.New(fault.Conflict, "master_unreachable", "%s, the master, cannot be asked to hand over. %s Call again when it answers, or with force (concord promote --force) to accept that.", a.Source, r.words(a.Source))
	if errors.Is(err, errNotMaster) {
		f = fault.New(fault.Conflict, "not_the_master", "%s, which %s follows, is no master now; see who is before you go on. %s Force (concord promote --force) promotes %s all the same.", a.Source, m.c.ClusterID, r.words(a.Source), m.c.ClusterID)
	}
	f.Err = err
	r.err = f
	return r, true
}

// words says what a forced promotion would lose.
func (r refusal) words(master string) string {
	s := ""
	if r.lost != nil {
		s = fmt.Sprintf("Sequences %d to %d of %s would be lost.", r.lost.First, r.lost.Last, master)
	}
	if r.reached {
		return s
	}
	if r.lost == nil {
		return fmt.Sprintf("What %s acknowledged and never sent would be lost; none is known here.", master)
	}
	return s + fmt.Sprintf(" So would be what %s acknowledged after %d.", master, r.lost.Last)
}

// Hand does a step that the clone `caller` asks of this master. Faults: Forbidden no_agreement; Conflict not_master, moved_on.
func (m *Mastership) Hand(ctx context.Context, caller string, h Handover) (mdc.Position, error) {
	if err := m.c.Log.View(ctx, func(v *journal.Snapshot) error { return m.handable(v, caller, h) }); err != nil {
		return mdc.Position{}, err
	}
	switch h.Step {
	case StepFreeze:
		return m.freeze(ctx)
	case StepThaw:
		m.mu.Lock()
		m.thawLocked()
		m.mu.Unlock()
		return m.c.Log.Position(ctx)
	case StepYield:
		return m.yield(ctx, caller, h)
	}
	return mdc.Position{}, fault.InvalidFields("The step cannot be done.", []fault.Field{{Pointer: "/step", Detail: "is not one of freeze, thaw, yield"}})
}

// handable lets the target of an enabled agreement of this master ask.
func (m *Mastership) handable(v *journal.Snapshot, caller string, h Handover) error {
	a, err := read(v, h.Agreement)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	if err != nil || a.Side != mdc.SideMaster || !mdc.SameName(a.Target, caller) || !a.Enabled {
		return fault.New(fault.Forbidden, "no_agreement", "%s is no clone of %s by an enabled agreement %q.", caller, m.c.ClusterID, h.Agreement)
	}
	d, err := v.DataCenter()
	if err == nil && d.Role != mdc.RoleMaster {
		err = fault.New(fault.Conflict, "not_master", "%s is a %s.", m.c.ClusterID, d.Role)
	}
	return err
}

// freeze holds changes for freezeTime at most and gives the position behind all that were let through.
func (m *Mastership) freeze(ctx context.Context) (at mdc.Position, err error) {
	m.mu.Lock()
	if m.frozen == nil {
		m.frozen = make(chan struct{})
	}
	held := m.frozen
	if m.thaw != nil {
		m.thaw.Stop()
	}
	m.thaw = time.AfterFunc(freezeTime, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.frozen == held {
			m.c.Logger.Warn("nobody took over in time; changes go on")
			m.thawLocked()
		}
	})
	m.mu.Unlock()
	err = m.c.Log.Update(ctx, func(tx *journal.Tx) error { // queued behind every change that passed the gate
		at, err = tx.Position()
		return err
	})
	return at, err
}

// thawLocked lets held changes go on. m.mu is held.
func (m *Mastership) thawLocked() {
	if m.frozen == nil {
		return
	}
	m.thaw.Stop()
	close(m.frozen)
	m.frozen, m.thaw = nil, nil
}
