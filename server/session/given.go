package session

import (
	"context"
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// maxGiven is how many notes of given sessions may wait to be durable; whoever asks for one more waits for its own.
const maxGiven = 256

// noteAfter is how long a note waits before it is written: the partner that was answered is about to write the session, and where one disk or one
// processor serves both, a note at once would hold that up.
const noteAfter = 5 * time.Millisecond

// given are the sessions that partners were just given and of which the note is on its way to the disk. In memory it counts at once:
// whoever takes the sign-on next hears of it. What a crash takes along the partner makes good, since it has queued, durably and
// together with its own session, that it joined. An end of the sign-on reaches every partner, noted or not.
type given struct {
	mu    sync.Mutex // guards the rest
	to    map[mdc.SSOID][]string
	notes chan note // nil = nobody writes them: each is written before its answer
	sick  bool      // the last note could not be written, so the next ones are written before their answers, until one is
}

// note says that a partner was given a session.
type note struct {
	ctx context.Context // of the question, without its end
	s   *mdc.Session
	to  string
}

// add leaves a note to be written. False = it must be written before the answer.
func (g *given) add(n note) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.sick || len(g.to) >= maxGiven {
		return false
	}
	select {
	case g.notes <- n:
	default: // full, or nil
		return false
	}
	if g.to == nil {
		g.to = make(map[mdc.SSOID][]string)
	}
	g.to[n.s.SSOID] = addCluster(g.to[n.s.SSOID], n.to)
	return true
}

// done forgets a note that is written.
func (g *given) done(n note) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var left []string
	for _, cluster := range g.to[n.s.SSOID] {
		if !mdc.SameName(cluster, n.to) {
			left = append(left, cluster)
		}
	}
	if g.to[n.s.SSOID] = left; len(left) == 0 {
		delete(g.to, n.s.SSOID)
	}
}

// with adds those that a sign-on was given to. It changes no list in place.
func (g *given) with(sso mdc.SSOID, members []string) []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, cluster := range g.to[sso] {
		members = addCluster(members, cluster)
	}
	return members
}

// take is closed, after what is under way was added, when ctx ends.
func (g *given) take(ctx context.Context) <-chan note {
	notes := make(chan note, maxGiven)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.notes = notes
	context.AfterFunc(ctx, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.notes = nil
		close(notes)
	})
	return notes
}

// wrote takes what became of a note.
func (g *given) wrote(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sick = err != nil
}

// noting writes notes until ctx ends, and then those that are left.
func (e *Engine) noting(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	for n := range e.given.take(ctx) {
		all.Go(func() {
			defer e.given.done(n)
			select {
			case <-time.After(noteAfter):
			case <-ctx.Done():
			}
			ctx, cancel := context.WithTimeout(n.ctx, callTimeout)
			defer cancel()
			_, _, err := e.noteGiven(ctx, n.s, n.to, "", true)
			if e.given.wrote(err); err != nil {
				e.cfg.Logger.Warn("it could not be noted that a partner has a session; it says so itself", "partner", n.to, "sso_id", n.s.SSOID, "error", err)
			}
		})
	}
}

// handOver notes that a partner has the session, and durably that a code was used; there is false when the session is not there any
// more. Under anchored the note is durable first: on another node of this data center the next one may take the sign-on
// over in the same moment, and of the two the later counts.
func (e *Engine) handOver(ctx context.Context, s *mdc.Session, to, jti string) (used, there bool, err error) {
	if jti != "" {
		return e.noteGiven(ctx, s, to, jti, false)
	}
	if containsCluster(s.Members, to) {
		return false, true, nil
	}
	if !e.cfg.Policies.SessionPolicy().Anchored && e.given.add(note{context.WithoutCancel(ctx), s, to}) {
		return false, true, nil
	}
	used, there, err = e.noteGiven(ctx, s, to, "", false)
	e.given.wrote(err)
	return used, there, err
}

// noteGiven writes who was given a session, and marks the code. told says that the partner was answered a moment ago: meanwhile
// it may have said itself that it joined, or the session may have ended, and the audit is to tell of the handing over all the same (CAMS-L1).
func (e *Engine) noteGiven(ctx context.Context, s *mdc.Session, to, jti string, told bool) (used, there bool, err error) {
	r, err := e.held(ctx, s)
	if err != nil {
		return false, false, err
	}
	joins := false
	tell := func(s *mdc.Session, w store.Writer) error {
		given := about(s, actHandOver, ResultFound)
		given.Actor, given.Detail = "partner:"+to, "to "+to
		return e.append(ctx, w, given)
	}
	err = e.change(ctx, r, func(s *mdc.Session) bool { joins = join(s, to); return joins }, func(w store.Writer) error {
		there = true
		if used, err = markCode(w, jti); err != nil || !joins && !told {
			return err
		}
		return tell(s, w)
	})
	if told && !there && err == nil { // it has ended since
		err = e.cfg.Sessions.Update(ctx, func(w store.Writer) error { return tell(s, w) })
	}
	return used, there, err
}
