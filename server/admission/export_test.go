package admission

import "time"

// Step tells p the shortest wait of an interval.
func Step(p *Pressure, least time.Duration) { p.step(least) }
