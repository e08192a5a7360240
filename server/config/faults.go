package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// Fault is one thing that is wrong with a file.
type Fault struct {
	File         string
	Line, Column int // from 1
	Summary      string
	Detail       string // what would be right; may be empty
}

// String gives file:line,col: summary; detail.
func (f Fault) String() string {
	s := fmt.Sprintf("%s:%d,%d: %s", f.File, f.Line, f.Column, f.Summary)
	if f.Detail != "" {
		s += "; " + f.Detail
	}
	return s
}

// Faults is everything that is wrong with a file, in the order of the file. It is the error that Load returns.
type Faults []Fault

// Error gives one line a fault.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, one := range f {
		lines[i] = one.String()
	}
	return strings.Join(lines, "\n")
}

// add notes a fault at a place.
func (f *Faults) add(at hcl.Range, summary, format string, args ...any) {
	*f = append(*f, Fault{File: at.Filename, Line: at.Start.Line, Column: at.Start.Column,
		Summary: summary, Detail: fmt.Sprintf(format, args...)})
}

// take notes what the HCL parser found.
func (f *Faults) take(diags hcl.Diagnostics) {
	for _, d := range diags {
		if d.Severity != hcl.DiagError {
			continue
		}
		var at hcl.Range
		if d.Subject != nil {
			at = *d.Subject
		}
		f.add(at, strings.TrimSuffix(d.Summary, "."), "%s", d.Detail)
	}
}

// err gives the faults in the order of the file, or nil.
func (f Faults) err() error {
	if len(f) == 0 {
		return nil
	}
	slices.SortStableFunc(f, func(a, b Fault) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return f
}
