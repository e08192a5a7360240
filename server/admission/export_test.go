package admission

import "time"

// Step tells p the shortest wait of an interval in which decisions were asked for.
func Step(p *Pressure, least time.Duration) { p.step(least, true) }

// Rest tells p of an interval in which none was.
func Rest(p *Pressure) { p.step(0, false) }
