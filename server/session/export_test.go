package session

import (
	"context"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
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

// ToldEnd tells of the end of a session, as the store's watch does.
func (e *Engine) ToldEnd(ctx context.Context, id mdc.SessionID) error {
	return e.told(ctx, store.Event{Key: keySession(id)})
}

// Refresh lets all be read anew, as a watch that begins does.
func (e *Engine) Refresh(ctx context.Context) error { return e.refresh(ctx) }

// PackAlone has a session packed and not in use.
func (e *Engine) PackAlone(s *mdc.Session) { e.residents.remove(s.ID); e.keep(s, s.LastAccess) }

// Unpack is what a cookie of the session does. Its proof is all zeros.
func (e *Engine) Unpack(ctx context.Context, s *mdc.Session) error {
	_, _, err := e.read(ctx, &claim{ID: s.ID, SSOID: s.SSOID, User: s.User, Store: s.Store, Level: s.Level, AuthenticatedAt: s.AuthenticatedAt, ExpiresAt: s.ExpiresAt})
	return err
}

// InMemory says whether this process would go on with a session without its store.
func (e *Engine) InMemory(id mdc.SessionID) bool { s, _ := e.inMemory(id); return s != nil }
