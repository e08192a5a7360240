package replication

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

const markPrefix = "h/a/"

// mark is what is kept of the clone's side of one agreement.
type mark struct {
	State       string    `json:"state"`
	Reason      string    `json:"reason,omitempty"`
	Copy        bool      `json:"copy"`           // a copy of this agreement's master is in force
	Kept        string    `json:"kept,omitempty"` // the conflict file of what the first copy replaced
	LastSuccess time.Time `json:"last_success,omitzero"`
	LastError   string    `json:"last_error,omitempty"`
	LastErrorAt time.Time `json:"last_error_at,omitzero"`
}

// side is the clone's side of one agreement. The follower's mutex guards it, but for id and wake.
type side struct {
	id        string // never changes
	agreement mdc.Agreement
	mark      mark
	dirty     bool          // mark holds what is not kept yet
	latest    uint64        // the master's sequence when it answered last
	equal     *bool         // what the master said of our position; nil before it answered
	failures  int           // in a row
	inStep    time.Time     // when it was last known to have all
	caughtUp  bool          // since the start: had all, or could not reach the master
	turn      chan struct{} // closed and replaced when a round has ended, however
	interrupt context.CancelFunc
	wake      chan struct{} // capacity 1
}

// wakeLocked ends a pause and abandons a question under way.
func (s *side) wakeLocked() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
	if s.interrupt != nil {
		s.interrupt()
	}
}

// turned tells who waits that a round has ended.
func (s *side) turned() {
	close(s.turn)
	s.turn = make(chan struct{})
}

// know enters an agreement as it was read from the store; what is in memory of it is newer and stays.
func (f *Follower) know(a mdc.Agreement, m mark) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s := f.sides[a.Identifier]; s != nil {
		s.agreement = a
		return
	}
	f.sides[a.Identifier] = &side{id: a.Identifier, agreement: a, mark: m, inStep: f.c.Clock.Now(), turn: make(chan struct{}), wake: make(chan struct{}, 1)}
}

func (f *Follower) side(agreement string) *side {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sides[agreement]
}

func (f *Follower) look(agreement string) (mark, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s := f.sides[agreement]; s != nil {
		return s.mark, f.news
	}
	return mark{State: mdc.AgreementBootstrapping}, f.news
}

// update changes a side in memory. It says whether what should be kept has changed.
func (f *Follower) update(s *side, change func(*side)) (kept mark, changed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	was := s.mark
	change(s)
	s.dirty = s.dirty || s.mark != was
	if was.State == s.mark.State && was.Copy == s.mark.Copy && was.Reason == s.mark.Reason {
		return s.mark, false
	}
	close(f.news)
	f.news = make(chan struct{})
	return s.mark, true
}

// note changes the mark and keeps it at once when its state changed; the rest is written now and then, see keep.
func (f *Follower) note(ctx context.Context, s *side, change func(*mark)) {
	m, changed := f.update(s, func(s *side) { change(&s.mark) })
	if !changed {
		return
	}
	// The state is worth keeping when the server stops, too.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err := f.c.Log.Update(ctx, func(tx *journal.Tx) error {
		if err := f.still(tx, s.id); err != nil {
			return err
		}
		return writeMark(tx.Writer(), s.id, m)
	})
	if err != nil && !errors.Is(err, errGone) {
		f.c.Logger.Warn("cannot keep the state of a replication agreement", "agreement", s.id, "error", err)
	}
}

// keep writes every mark that changed since it was written: successes and errors of a side whose state stays the same. A
// failure costs only the memory over a restart.
func (f *Follower) keep(ctx context.Context) {
	fresh := map[string]mark{}
	f.mu.Lock()
	for id, s := range f.sides {
		if s.dirty {
			fresh[id], s.dirty = s.mark, false
		}
	}
	f.mu.Unlock()
	if len(fresh) == 0 {
		return
	}
	err := f.c.Log.Update(ctx, func(tx *journal.Tx) error {
		for id, m := range fresh {
			if err := f.still(tx, id); errors.Is(err, errGone) {
				continue
			} else if err != nil {
				return err
			}
			if err := writeMark(tx.Writer(), id, m); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && ctx.Err() == nil {
		f.c.Logger.Warn("cannot keep the state of replication agreements", "error", err)
	}
}

// forget drops what belongs to agreements that are gone.
func (f *Follower) forget(ctx context.Context, want map[string]mdc.Agreement) error {
	f.mu.Lock()
	var gone []string
	for id := range f.sides {
		if _, ok := want[id]; !ok {
			gone = append(gone, id)
			f.dropLocked(id)
		}
	}
	f.mu.Unlock()
	if len(gone) == 0 {
		return nil
	}
	return f.c.Log.Update(ctx, func(tx *journal.Tx) error {
		for _, id := range gone {
			if err := tx.Writer().Delete([]byte(markPrefix + id)); err != nil {
				return err
			}
		}
		return nil
	})
}

// dropLocked forgets a side and wakes who waits for its next round or for its copy.
func (f *Follower) dropLocked(id string) {
	f.sides[id].turned()
	delete(f.sides, id)
	close(f.news)
	f.news = make(chan struct{})
}

var errGone = errors.New("the agreement is gone")

// still says in a transaction that the agreement has not been deleted meanwhile.
func (f *Follower) still(tx *journal.Tx, agreement string) error {
	_, found, err := tx.Body(mdc.AgreementKind(), agreement)
	if err == nil && !found {
		return errGone
	}
	return err
}

// following says in a transaction that the agreement is still there, enabled, and with the same master. Nothing of a master is written without
// it: once an administrator has ended an agreement, or it was turned to another master, no late answer changes this data center.
func (f *Follower) following(tx *journal.Tx, agreement mdc.Agreement) error {
	o, err := tx.Get(mdc.AgreementKind(), agreement.Identifier)
	if err != nil {
		return err
	}
	if a, ok := o.(*mdc.Agreement); !ok || !a.Enabled || a.Side != mdc.SideClone || !mdc.SameName(a.Source, agreement.Source) {
		return errGone
	}
	return nil
}

func readMark(r store.Reader, agreement string) (m mark, err error) {
	b, err := r.Get([]byte(markPrefix + agreement))
	if errors.Is(err, store.ErrNotFound) {
		return mark{State: mdc.AgreementBootstrapping, Reason: "the first copy is under way"}, nil
	}
	if err != nil {
		return m, fmt.Errorf("read state of agreement %s: %w", agreement, err)
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return m, fmt.Errorf("decode state of agreement %s: %w", agreement, err)
	}
	return m, nil
}

func writeMark(w store.Writer, agreement string, m mark) error {
	b, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode state of agreement %s: %w", agreement, err)
	}
	return w.Put([]byte(markPrefix+agreement), b, 0)
}
