package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"strconv"
	"time"
)

// figure is one line. Ratio is ours/floor, the median over the rounds and not the quotient of the medians.
type figure struct {
	Name  string  `json:"name"`
	Unit  string  `json:"unit"` // of Ours and Floor
	Ours  float64 `json:"ours"`
	Floor float64 `json:"floor"`
	Ratio float64 `json:"ratio"`
	Goal  string  `json:"goal"` // ">=" or "<=" and a ratio; "" = none
	OK    bool    `json:"ok"`
}

// goal is what a ratio has to reach.
type goal struct {
	atLeast bool
	ratio   float64
}

func (g goal) String() string {
	sign := "<="
	if g.atLeast {
		sign = ">="
	}
	return sign + strconv.FormatFloat(g.ratio, 'f', 2, 64)
}

func (g goal) met(ratio float64) bool {
	if g.atLeast {
		return ratio >= g.ratio
	}
	return ratio > 0 && ratio <= g.ratio
}

// report prints figures as they come and keeps them.
type report struct {
	out io.Writer
	all []figure
}

// pair is one round: the same quantity of ours and of the floor.
type pair struct{ ours, floor float64 }

// judge makes a figure of the rounds.
func judge(name, unit string, rounds []pair, g goal) figure {
	var ours, floor, ratio []float64
	for _, p := range rounds {
		ours, floor, ratio = append(ours, p.ours), append(floor, p.floor), append(ratio, p.ours/p.floor)
	}
	f := figure{Name: name, Unit: unit, Ours: median(ours), Floor: median(floor), Ratio: median(ratio), Goal: g.String()}
	f.OK = g.met(f.Ratio)
	return f
}

// add prints a benchmark: its parts, then its main line, which is ok only if all are.
func (r *report) add(main figure, parts ...figure) {
	for _, p := range parts {
		main.OK = main.OK && p.OK
		r.line(p)
	}
	r.line(main)
}

func (r *report) line(f figure) {
	verdict := "short"
	if f.OK {
		verdict = "ok"
	}
	fmt.Fprintf(r.out, "bench %s ours %s floor %s ratio %.2f goal %s %s\n", f.Name, short(f.Ours), short(f.Floor), f.Ratio, f.Goal, verdict) //nolint:errcheck // standard output
	r.all = append(r.all, f)
}

// note prints what is measured beside ours without a goal: what another product takes, or another size of ours.
func (r *report) note(f figure) {
	f.Goal, f.OK = "", true
	if math.IsInf(f.Ratio, 0) || math.IsNaN(f.Ratio) { // JSON has no word for it
		f.Ratio = 0
	}
	fmt.Fprintf(r.out, "note %s ours %s beside %s ratio %.2f\n", f.Name, short(f.Ours), short(f.Floor), f.Ratio) //nolint:errcheck // standard output
	r.all = append(r.all, f)
}

// short gives four significant digits without an exponent.
func short(v float64) string {
	switch {
	case v >= 1000:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return strconv.FormatFloat(v, 'f', 4, 64)
}

// write leaves the figures for programs.
func (r *report) write(file string) error {
	text, err := json.MarshalIndent(struct {
		At      time.Time `json:"at"`
		Go      string    `json:"go"`
		CPUs    int       `json:"cpus"`
		Figures []figure  `json:"figures"`
	}{time.Now().UTC().Truncate(time.Second), runtime.Version(), runtime.NumCPU(), r.all}, "", "  ")
	if err != nil {
		return fmt.Errorf("encode figures: %w", err)
	}
	if err := os.WriteFile(file, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	return nil
}
