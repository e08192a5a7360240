package replication

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// Sources asks masters over the peer link. The methods are a Feed's, asked at the data center `source`; an error that
// begin or item return must be found in Snapshot's error, and a stream that breaks off is an error. Only the context bounds how long they take;
// the follower ends it.
type Sources interface {
	Digests(ctx context.Context, source, agreement string, q Question) (Digests, error)
	Objects(ctx context.Context, source, agreement, kind string, names []string) (Objects, error)
	Journal(ctx context.Context, source, agreement string, at mdc.Position, wait time.Duration) (Page, error)
	// Ahead is asked only of a master whose last page says that it answers it.
	Ahead(ctx context.Context, source, agreement string, at mdc.Position) (Page, error)
	Snapshot(ctx context.Context, source, agreement string, begin func(mdc.Position) error, item func(Item) error) (objects uint64, err error)
}

// Config wires a Follower.
type Config struct {
	Log       *journal.Log
	Store     store.Store // the journal's; for its Limits
	Keys      *Keys
	Sources   Sources
	ClusterID string
	Clock     clock.Clock
	// Fork is told before a copy of another epoch takes the place of what is here, and keeps what source does not have. With
	// an error nothing is replaced. nil = nothing is kept.
	Fork func(ctx context.Context, source string) error
	// Overwrite is told before the first copy of an agreement takes the place of what is here, and keeps what was made here and
	// the copy does not have; it gives the name of the file, "" = there is none. With an error nothing is replaced. nil = nothing
	// is kept.
	Overwrite func(ctx context.Context, source string, staged *journal.Staging, winner mdc.Epoch) (kept string, err error)
	// Discard ends changes that were made on this clone, at the end of a repair and in the name of actor, after it has kept
	// them elsewhere; it gives their number. nil = they stay, and the clone goes on differing.
	Discard func(ctx context.Context, actor string, edits []journal.Edit) (int, error)
	// Unknown is told of an agreement whose master does not know the credential that is shown. It must not block. nil = nobody
	// is told.
	Unknown func(agreement string)
	// Audit writes the audit record of what the replication identity did, in the act's own transaction. nil = none.
	Audit  func(tx store.Writer, actor, action, target string) error
	Logger *slog.Logger // nil = none
}

// Follower is the clone's side: it keeps this data center's configuration equal to the master's, one goroutine for each
// enabled agreement. Safe for concurrent use.
type Follower struct {
	c       Config
	kinds   map[string]mdc.Kind // the replicated ones
	refresh chan struct{}       // capacity 1: agreements changed

	unpoking sync.WaitGroup // of those who wait for the round that another node asked for
	working  atomic.Bool    // Run runs, and what is in memory is the truth; otherwise Follow keeps it in step with the store
	known    atomic.Pointer[declaration]
	checking sync.Mutex // held by the one verification that runs
	reading  sync.Mutex // held from a reading of other nodes' marks until they are shown: what was read last is shown last

	mu    sync.Mutex       // guards sides, each side's fields that say so, and news
	sides map[string]*side // by agreement
	news  chan struct{}    // closed and replaced when a side's state changes
}

// New refuses bad wiring. It listens to the journal, so it must come before the server starts.
func New(c Config) (*Follower, error) {
	if c.Log == nil || c.Store == nil || c.Keys == nil || c.Sources == nil || c.Clock == nil || !mdc.ValidClusterID(c.ClusterID) {
		return nil, errors.New("new follower: log, store, keys, sources, clock and cluster id are needed")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Overwrite == nil {
		c.Overwrite = func(context.Context, string, *journal.Staging, mdc.Epoch) (string, error) { return "", nil }
	}
	if c.Unknown == nil {
		c.Unknown = func(string) {}
	}
	if c.Discard == nil {
		c.Discard = func(context.Context, string, []journal.Edit) (int, error) { return 0, nil }
	}
	if c.Audit == nil {
		c.Audit = func(store.Writer, string, string, string) error { return nil }
	}
	f := &Follower{c: c, kinds: map[string]mdc.Kind{}, refresh: make(chan struct{}, 1), sides: map[string]*side{}, news: make(chan struct{})}
	for _, k := range mdc.Kinds() {
		if k.Scope == mdc.Replicated {
			f.kinds[k.Name] = k
		}
	}
	c.Log.OnChange(func(changes []journal.Change) {
		for _, ch := range changes {
			if ch.Kind == mdc.AgreementKind().Name {
				f.Refresh()
				return
			}
		}
	})
	return f, nil
}

// Refresh makes Run read the agreements again. It does not block; the journal calls it at each change of an agreement.
func (f *Follower) Refresh() {
	select {
	case f.refresh <- struct{}{}:
	default:
	}
}

// Wake makes every agreement that follows source ask anew at once: the link is back, so a pause, or a question that went
// out over the dead link, need not be waited for. It does not block.
func (f *Follower) Wake(source string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.sides {
		if mdc.SameName(s.agreement.Source, source) {
			s.wakeLocked()
		}
	}
}

// Pull makes one agreement ask now, also when it is stopped or waits for its interval (OAM-54). fault.NotFound.
func (f *Follower) Pull(agreement string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.sides[agreement]
	if s == nil {
		return fault.New(fault.NotFound, "not_found", "This data center follows no replication agreement %q.", agreement)
	}
	s.wakeLocked()
	return nil
}

// Run follows every enabled clone-side agreement until ctx ends, and joins what it started. It gives nil.
func (f *Follower) Run(ctx context.Context) error {
	f.mu.Lock()
	f.working.Store(true) // under the mutex: no mark of another node is taken over from here on
	f.mu.Unlock()
	defer f.working.Store(false)
	runs := map[string]*run{}
	defer func() {
		for _, r := range runs {
			r.stop()
		}
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		f.keep(last)
	}()
	keep := time.NewTicker(shownEvery)
	defer keep.Stop()
	for {
		var again <-chan time.Time
		if err := f.reconcile(ctx, runs); err != nil && ctx.Err() == nil {
			f.c.Logger.Error("cannot read replication agreements", "error", err)
			again = time.After(time.Second)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-f.refresh:
		case <-again:
		case <-keep.C:
			f.keep(ctx)
		}
	}
}

// run is one goroutine that follows.
type run struct {
	agreement mdc.Agreement
	cancel    context.CancelFunc
	done      chan struct{}
}

func (r *run) stop() {
	r.cancel()
	<-r.done
}

// reconcile stops what is disabled, gone or changed, and starts what is enabled.
func (f *Follower) reconcile(ctx context.Context, runs map[string]*run) error {
	want, err := f.load(ctx)
	if err != nil {
		return err
	}
	for id, r := range runs {
		if a, ok := want[id]; !ok || !a.Enabled || a != r.agreement {
			r.stop()
			delete(runs, id)
		}
	}
	for id, a := range want {
		s := f.side(id)
		if !a.Enabled {
			f.note(ctx, s, func(m *mark) { m.State, m.Reason = mdc.AgreementDisabled, "the agreement is disabled" })
			continue
		}
		if runs[id] == nil {
			runs[id] = f.start(ctx, s, a)
		}
	}
	return f.forget(ctx, want)
}

func (f *Follower) start(ctx context.Context, s *side, a mdc.Agreement) *run {
	own, cancel := context.WithCancel(ctx)
	r := &run{agreement: a, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		(&pursuit{f: f, s: s, a: a}).run(own)
	}()
	return r
}

// load reads the clone-side agreements, and the marks of those that are not in memory yet.
func (f *Follower) load(ctx context.Context) (map[string]mdc.Agreement, error) {
	want := map[string]mdc.Agreement{}
	err := f.c.Log.View(ctx, func(s *journal.Snapshot) error {
		return agreements(s, mdc.SideClone, func(a *mdc.Agreement) error {
			want[a.Identifier] = *a
			m, err := readMark(s.Reader(), a.Identifier)
			if err == nil {
				f.know(*a, m)
			}
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("load agreements: %w", err)
	}
	return want, nil
}

// Bootstrap waits until the first copy of an agreement is in force here and the master confirms it, or ctx ends
// (OAM-55). fault.Conflict when the agreement stopped, NotFound when it was deleted, Unavailable when ctx ended first.
func (f *Follower) Bootstrap(ctx context.Context, agreement string) error {
	f.Refresh()
	for {
		m, news := f.look(agreement)
		switch {
		case m.Copy && m.State == mdc.AgreementReady:
			return nil
		case m.State == mdc.AgreementStopped:
			return fault.New(fault.Conflict, "replication_stopped", "The replication stopped: %s.", m.Reason)
		}
		select {
		case <-news:
			if err := f.lost(ctx, agreement); err != nil {
				return err
			}
		case <-ctx.Done():
			m, _ = f.look(agreement)
			return pending(m)
		}
	}
}

func pending(m mark) error {
	why := m.LastError
	if why == "" {
		why = "the copy is under way"
	}
	return fault.New(fault.Unavailable, "bootstrap_pending", "The first copy is not in force yet: %s. It goes on; apply again later.", why)
}
