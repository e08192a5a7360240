package admission

import (
	"context"
	"time"
)

// Step tells p the shortest wait of an interval in which decisions were asked for.
func Step(p *Pressure, least time.Duration) { p.step(least, true) }

// Rest tells p of an interval in which none was.
func Rest(p *Pressure) { p.step(0, false) }

// Look sets how long p sees decisions wait.
func Look(p *Pressure, look func(context.Context) (time.Duration, error)) { p.look = look }

// Probe looks once as Run does.
func Probe(ctx context.Context) (time.Duration, error) {
	p, err := newProbe()
	if err != nil {
		return 0, err
	}
	defer p.close()
	return p.wait(ctx)
}
