package replication

import (
	"context"

	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Status tells of every agreement in which this data center is the clone.
func (f *Follower) Status(ctx context.Context) (out []Status, err error) {
	seen := f.remembered()
	err = f.c.Log.View(ctx, func(s *journal.Snapshot) error {
		out = nil
		return agreements(s, mdc.SideClone, func(a *mdc.Agreement) error {
			st, err := f.status(s, a, seen)
			out = append(out, st)
			return err
		})
	})
	return out, err
}

// Progress gives what a view of one agreement shows: its state, the last sequence here, and how many the master has more.
func (f *Follower) Progress(ctx context.Context, a mdc.Agreement) (state string, last, lag uint64, err error) {
	seen := f.remembered()
	err = f.c.Log.View(ctx, func(s *journal.Snapshot) error {
		st, err := f.status(s, &a, seen)
		state, last, lag = st.State, st.AppliedSequence, st.LagEntries
		return err
	})
	return state, last, lag, err
}

// Kept gives the name of the conflict file with the objects made here that an agreement's first copy replaced; "" = none.
func (f *Follower) Kept(agreement string) string {
	m, _ := f.look(agreement)
	return m.Kept
}

// remembered copies what is in memory. It is taken before the store is read: a state never shows before the objects that
// led to it.
func (f *Follower) remembered() map[string]side {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make(map[string]side, len(f.sides))
	for id, s := range f.sides {
		out[id] = *s
	}
	return out
}

func (f *Follower) status(s *journal.Snapshot, a *mdc.Agreement, seen map[string]side) (Status, error) {
	st := blank(a)
	pos, err := s.Position()
	if err != nil {
		return st, err
	}
	m, err := readMark(s.Reader(), a.Identifier)
	if err != nil {
		return st, err
	}
	mem, known := seen[a.Identifier]
	if known {
		m = mem.mark
		st.LatestSequence, st.DigestEqual = mem.latest, mem.equal
		if mem.failures > 0 || pos.Sequence < mem.latest || !m.Copy {
			st.LagSeconds = max(0, f.c.Clock.Now().Sub(mem.inStep).Seconds())
		}
	}
	if m.Copy {
		st.AppliedSequence = pos.Sequence
	}
	st.LatestSequence = max(st.LatestSequence, st.AppliedSequence)
	st.LagEntries = st.LatestSequence - st.AppliedSequence
	st.State, st.Reason = m.State, m.Reason
	if !a.Enabled {
		st.State, st.Reason = mdc.AgreementDisabled, "the agreement is disabled"
	}
	st.LastSuccess, st.LastError, st.LastErrorAt = m.LastSuccess, m.LastError, m.LastErrorAt
	st.Healthy = st.State == mdc.AgreementReady && mem.failures == 0 && (st.DigestEqual == nil || *st.DigestEqual)
	edits, err := s.EditCount()
	st.Diverge(edits)
	return st, err
}

// Ready says whether this data center has caught up with its masters since it started, or cannot reach them and serves
// the copy that it has; reason says what is missing. Each question of a partner asks it, so the agreements are read from the
// store only after a change.
func (f *Follower) Ready(ctx context.Context) (ok bool, reason string, err error) {
	clones, err := f.declared(ctx)
	if err != nil {
		return false, "", err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	ok = true
	for _, a := range clones {
		mem := f.sides[a.Identifier]
		switch {
		case !a.Enabled:
		case mem == nil || !mem.mark.Copy:
			ok, reason = false, "the first copy of the configuration from "+a.Source+" is not in force yet"
		case !mem.caughtUp && mem.mark.State != mdc.AgreementStopped:
			ok, reason = false, "the configuration of "+a.Source+" is being caught up with"
		}
	}
	return ok, reason, nil
}

// declaration is the agreements in which this data center is the clone, as long as changed is open.
type declaration struct {
	changed <-chan struct{}
	clones  []*mdc.Agreement
}

// declared gives them. They are shared: do not change them.
func (f *Follower) declared(ctx context.Context) ([]*mdc.Agreement, error) {
	if d := f.known.Load(); d != nil {
		select {
		case <-d.changed:
		default:
			return d.clones, nil
		}
	}
	d := &declaration{changed: f.c.Log.Changed()}
	err := f.c.Log.View(ctx, func(s *journal.Snapshot) error {
		d.clones = nil
		return agreements(s, mdc.SideClone, func(a *mdc.Agreement) error {
			d.clones = append(d.clones, a)
			return nil
		})
	})
	if err == nil {
		f.known.Store(d)
	}
	return d.clones, err
}
