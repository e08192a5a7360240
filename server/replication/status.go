package replication

import (
	"context"
	"fmt"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Status is the verdict on one agreement as one side knows it.
type Status struct {
	Identifier      string
	Name            string
	Side            string // mdc.SideMaster or mdc.SideClone
	Source          string
	Target          string
	State           string // mdc.Agreement…
	AppliedSequence uint64
	LatestSequence  uint64
	LagEntries      uint64
	LagSeconds      float64   // age of the oldest change that the clone does not have, or since when it is not known to have all
	DigestEqual     *bool     // nil: not comparable now
	Diverged        int       // objects that an administrator changed on the clone
	LastSuccess     time.Time // zero: never
	LastError       string
	LastErrorAt     time.Time // zero: never
	Healthy         bool
	Reason          string // why, in a sentence
}

// Diverge enters that the clone holds n objects otherwise than its master because they were changed on it (OAM-04).
func (s *Status) Diverge(n int) {
	if n == 0 {
		return
	}
	differs := false
	s.Diverged, s.DigestEqual, s.Healthy = n, &differs, false
	s.Reason += fmt.Sprintf("; changed on %s and different from the master's: %d objects, see its divergences", s.Target, n)
}

func blank(a *mdc.Agreement) Status {
	return Status{Identifier: a.Identifier, Name: a.Name, Side: a.Side, Source: a.Source, Target: a.Target}
}

// Status tells of every agreement in which this data center is the master.
func (f *Feed) Status(ctx context.Context) (out []Status, err error) {
	err = f.c.Log.View(ctx, func(s *journal.Snapshot) error {
		out = nil
		return agreements(s, mdc.SideMaster, func(a *mdc.Agreement) error {
			st, err := f.status(s, a)
			out = append(out, st)
			return err
		})
	})
	return out, err
}

// Progress gives what a view of one agreement shows: its state, the last sequence that the clone has, and how many it lacks.
func (f *Feed) Progress(ctx context.Context, a mdc.Agreement) (state string, last, lag uint64, err error) {
	err = f.c.Log.View(ctx, func(s *journal.Snapshot) error {
		st, err := f.status(s, &a)
		state, last, lag = st.State, st.AppliedSequence, st.LagEntries
		return err
	})
	return state, last, lag, err
}

func (f *Feed) status(s *journal.Snapshot, a *mdc.Agreement) (Status, error) {
	st := blank(a)
	pos, err := s.Position()
	if err != nil {
		return st, err
	}
	st.LatestSequence = pos.Sequence
	seen, ok := f.recall(a.Identifier)
	if ok {
		st.LastSuccess = seen.Time
	}
	if ok && seen.Equal && seen.At.Epoch == pos.Epoch {
		equal := true
		st.DigestEqual, st.AppliedSequence = &equal, seen.At.Sequence
		st.LagEntries = pos.Sequence - min(pos.Sequence, seen.At.Sequence)
	} else {
		st.LagEntries = pos.Sequence
	}
	if st.LagEntries > 0 && st.DigestEqual != nil {
		rec, err := s.Records(st.AppliedSequence, 1)
		if err != nil {
			return st, err
		}
		if len(rec) > 0 {
			st.LagSeconds = max(0, f.c.Clock.Now().Sub(rec[0].Time).Seconds())
		}
	}
	f.judge(&st, a, ok && st.DigestEqual != nil, seen.Time)
	return st, nil
}

func (f *Feed) judge(st *Status, a *mdc.Agreement, copied bool, last time.Time) {
	patience := MaxWait + 15*time.Second
	if !a.Follow {
		patience = 2*a.PollInterval.D() + 30*time.Second
	}
	switch {
	case !a.Enabled:
		st.State, st.Reason = mdc.AgreementDisabled, "the agreement is disabled"
	case !copied:
		st.State, st.Reason = mdc.AgreementBootstrapping, "the clone has not shown a position on this journal yet"
	case f.c.Clock.Now().Sub(last) > patience:
		st.State, st.Reason = mdc.AgreementStale, "the clone has not asked since "+last.UTC().Format(time.RFC3339)+"; it serves the copy that it has and goes on when it can"
	default:
		st.State, st.Reason, st.Healthy = mdc.AgreementReady, "the clone follows", true
	}
}

// agreements visits the agreements of one side.
func agreements(s *journal.Snapshot, side string, visit func(*mdc.Agreement) error) error {
	kind := mdc.AgreementKind()
	return s.Range(kind, "", func(_ string, body []byte) error {
		o, err := kind.Decode(body)
		if err != nil {
			return err
		}
		a, err := mdc.As[*mdc.Agreement](o)
		if err != nil || a.Side != side {
			return err
		}
		return visit(a)
	})
}
