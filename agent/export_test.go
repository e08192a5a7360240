package agent

import "context"

// Refresh asks once how the agent is registered, as Run does, and gives what is wrong with the list.
func (a *Agent) Refresh(ctx context.Context) string { return a.refresh(ctx, "") }

// RefreshAfter is Refresh when that was said before.
func (a *Agent) RefreshAfter(ctx context.Context, warned string) string {
	return a.refresh(ctx, warned)
}
