package main

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
)

// recovers asks one request of each kind until it is done, and waits until nothing is held back any more.
func (o *overloaded) recovers(rest map[string]float64) {
	o.s.Helper()
	begin := time.Now()
	for _, d := range o.all() {
		o.at.Within(testkit.Limit, d.name+" are served again", func() bool {
			a, err := d.lines[0].ask(o.s.Context(), d.word(0, 1<<30))
			return err == nil && d.good(a)
		})
	}
	took := time.Since(begin)
	for _, d := range o.all() {
		d.close()
	}
	var now map[string]float64
	o.at.Within(testkit.Limit, "nothing is left of the load", func() bool {
		now = o.figures()
		return now["concord_pressure_level"] == 0 && now[goroutines] <= rest[goroutines]+100
	})
	testkit.InStep(o.at, o.clone)
	o.note("served again after %s; goroutines %.0f, at most %.0f, afterwards %.0f; resident %.0f MiB, at most %.0f MiB",
		took.Round(time.Millisecond), rest[goroutines], o.highest[goroutines], now[goroutines], rest[resident]/(1<<20), o.highest[resident]/(1<<20))
	if o.long() && took > 3*time.Second {
		o.s.broke("after the load it took %s until all was served again", took)
	}
}

const (
	goroutines = "go_goroutines"
	resident   = "process_resident_memory_bytes"
	processor  = "process_cpu_seconds_total"
)

func (o *overloaded) note(format string, args ...any) {
	o.s.figures = append(o.s.figures, fmt.Sprintf(format, args...))
	o.s.Logf(format, args...)
}

// long says whether the load lasted long enough to be judged as promised; else it shares the machine with other tests.
func (o *overloaded) long() bool { return o.s.runs >= overloadLong }

// judge holds what was seen against what is promised.
func (o *overloaded) judge(load map[*demand]*tally, rest map[string]float64) {
	o.s.Helper()
	lines := 0
	for _, d := range o.all() {
		t := load[d]
		lines += len(d.lines)
		o.note("%s: asked for %.0f/s, %d done (%.0f/s, %.0f%% of the peak), %d told to come again, %d not sent, p99 %s", d.name, overloadFactor*d.peak,
			t.good.Load(), o.rate(t), 100*o.rate(t)/d.peak, t.shed.Load(), t.unsent.Load(), t.late().Round(100*time.Microsecond))
		if t.wrong.Load() > 0 {
			o.s.broke("%d answers to %s were wrong, the first was %s", t.wrong.Load(), d.name, *t.first.Load())
		}
	}
	o.goodput(o.rate(load[o.decisions]))
	if a, b := load[o.changes].share(), load[o.signIns].share(); a < b {
		o.s.broke("%.0f%% of the changes were made, and %.0f%% of the sign-ins", 100*a, 100*b)
	}
	for _, d := range []*demand{o.changes, o.signIns} {
		if load[d].good.Load() == 0 {
			o.s.broke("no %s were served at all", d.name)
		}
	}
	if most := rest[goroutines] + float64(3*lines) + 200; o.highest[goroutines] > most {
		o.s.broke("there were %.0f goroutines, over %d connections", o.highest[goroutines], lines)
	}
	if o.highest[resident] > rest[resident]+overloadMemory {
		o.s.broke("the server grew from %.0f to %.0f MiB", rest[resident]/(1<<20), o.highest[resident]/(1<<20))
	}
	o.note("%d of %d people were taken over by the clone under load", o.adopted, o.asked)
	if o.long() && 10*o.adopted < 9*o.asked {
		o.s.broke("%d of %d people were taken over by the clone", o.adopted, o.asked)
	}
	if o.began == o.seen {
		o.s.broke("the clone stood at sequence %d during the whole load", o.seen)
	}
}

// goodput holds the decisions against their peak: in a long run by what a core does, of those that the server had.
func (o *overloaded) goodput(rate float64) {
	o.s.Helper()
	got, want := rate/o.decisions.peak, overloadFloor
	if o.long() {
		under, peak := pace{rate, o.cores}, (o.peaks[0].eachCore()+o.peaks[1].eachCore())/2
		got, want = under.eachCore()/peak, overloadGood
		o.note("the server had %.2f cores under load and decided %.0f times a second with each, %.0f%% of the peak over as many connections", o.cores, under.eachCore(), 100*got)
	}
	if got < want {
		o.s.broke("decisions fell to %.0f%% of their peak", 100*got)
	}
}

// rate is the good answers a second.
func (o *overloaded) rate(t *tally) float64 { return float64(t.good.Load()) / float64(o.s.runs) }

// figures reads the master's /metrics.
func (o *overloaded) figures() map[string]float64 {
	o.s.Helper()
	out := map[string]float64{}
	a, err := o.metrics.ask(o.s.Context(), request(http.MethodGet, "/metrics", o.metrics.address, "Bearer "+o.at.Token, ""))
	if err != nil || a.status != http.StatusOK {
		o.s.broke("the figures cannot be read: %d %v", a.status, err)
	}
	for row := range strings.Lines(a.body) {
		var name string
		var v float64
		if n, _ := fmt.Sscan(row, &name, &v); n == 2 {
			out[name] = v
		}
	}
	return out
}
