package gate

import "context"

// RenewIfDue is one step of what Run does with the gate's certificate.
func (g *Gate) RenewIfDue(ctx context.Context) error { return g.agent.Renew(ctx) }

// Ask runs what asks Concord beside requests, as Run does.
func (g *Gate) Ask(ctx context.Context) error { return g.agent.Run(ctx) }
