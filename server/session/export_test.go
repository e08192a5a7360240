package session

import (
	"context"
	"errors"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// MaxInVain is how many sessions one round of confirmations asks for in vain.
const MaxInVain = maxInVain

// Sync is one exchange with one partner, both ways, as Run's loop does it after the partner was away.
func (e *Engine) Sync(ctx context.Context, partner string) error {
	return e.exchange(ctx, partner, true)
}

// TellAgents makes calls to agents until ctx ends, as Run does.
func (e *Engine) TellAgents(ctx context.Context) { _ = e.calls.Run(ctx) }

// WithoutCalls makes the engine end sign-ons as one does that ends before it could queue a call.
func (e *Engine) WithoutCalls() { e.calls = nil }

// Ends is how many ends of sessions the store's watch told of.
func (e *Engine) Ends() uint64 { return e.ends.Load() }

// ForgetDecoded drops the sessions that are in use from memory, as many others would: those that are packed stay.
func (e *Engine) ForgetDecoded() { e.residents.clear(); e.opened.clear() }

// Packed says how many sessions are packed.
func (e *Engine) Packed() int { return e.packed.Stats().Records }

// Repacked packs a session and unpacks it; ok is false when that would lose something.
func Repacked(s *mdc.Session) (again *mdc.Session, length int, ok bool) {
	b, ok := packSession(nil, s)
	return unpackSession(s.ID, b), len(b), ok
}

// SweepMemory forgets what has expired, as Run does.
func (e *Engine) SweepMemory() { e.sweep(context.Background()) }

// CountAgain counts all sessions in use, as Work does each minute.
func (e *Engine) CountAgain(ctx context.Context) error { return e.recount(ctx) }

// ForgetWhileFound forgets a session as its end does; between its being counted and taken out, a request finds it packed, and holds it once it was
// taken out.
func (e *Engine) ForgetWhileFound(ctx context.Context, id mdc.SessionID) (found bool, err error) {
	first := true
	e.unload(func() {
		if !first {
			e.gone(&mdc.Session{ID: id})
			return
		}
		first = false
		ends := e.ends.Load()
		s, last, ok := e.kept(id)
		e.gone(&mdc.Session{ID: id})
		if found = ok; ok {
			_, _, err = e.holdRead(ctx, newResident(s, last), ends)
		}
	})
	return found, err
}

// InMemory says whether this process would go on with a session without its store.
func (e *Engine) InMemory(id mdc.SessionID) bool { s, _ := e.inMemory(id); return s != nil }

// DropHeld takes a session out of memory; the store has it still.
func (e *Engine) DropHeld(id mdc.SessionID) { e.dropHeld(id) }

// AnswerFor lets the session id answer for another one.
func (e *Engine) AnswerFor(ctx context.Context, id, incoming mdc.SessionID) error {
	r, ok := e.residents.peek(id)
	if !ok {
		return errors.New("not in memory")
	}
	return e.index(ctx, r, incoming)
}
