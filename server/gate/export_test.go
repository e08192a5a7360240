package gate

import "context"

// RenewIfDue is one step of what Run does with the gate's certificate.
func (g *Gate) RenewIfDue(ctx context.Context) error { return g.renewal.renewIfDue(ctx) }
