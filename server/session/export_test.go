package session

import "context"

// MaxInVain is how many sessions one round of confirmations asks for in vain.
const MaxInVain = maxInVain

// Sync is one exchange with one partner, both ways, as Run's loop does it after the partner was away.
func (e *Engine) Sync(ctx context.Context, partner string) error {
	return e.exchange(ctx, partner, true)
}
