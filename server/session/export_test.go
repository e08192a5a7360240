package session

import "context"

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

// CountAgain counts all sessions in use, as Work does each minute.
func (e *Engine) CountAgain(ctx context.Context) error { return e.recount(ctx) }
