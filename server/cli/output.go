package cli

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// knownForm refuses a form of output that there is not.
func knownForm(output string) error {
	if output != "table" && output != "json" {
		return usage("%q is no form of output; -o takes table or json", output)
	}
	return nil
}

// json writes v for programs.
func (p *program) json(v any) error {
	e := json.NewEncoder(p.stdout)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// table writes rows for people. Cells come from other machines: what could move a terminal's cursor or end a row is
// replaced.
func (p *program) table(head []string, rows [][]string) error {
	w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{head}, rows...) {
		cells := make([]string, len(row))
		for i, c := range row {
			cells[i] = strings.Map(printable, c)
		}
		if _, err := fmt.Fprintln(w, strings.Join(cells, "\t")); err != nil {
			return err
		}
	}
	return w.Flush()
}

// section is one table of several.
type section struct {
	head []string
	rows [][]string
}

// tables writes the sections that have rows, a blank line between them.
func (p *program) tables(all ...section) error {
	all = slices.DeleteFunc(all, func(s section) bool { return len(s.rows) == 0 })
	for i, s := range all {
		if i > 0 {
			if _, err := fmt.Fprintln(p.stdout); err != nil {
				return err
			}
		}
		if err := p.table(s.head, s.rows); err != nil {
			return err
		}
	}
	return nil
}

func printable(r rune) rune {
	if !unicode.IsPrint(r) {
		return '?'
	}
	return r
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// or gives a dash for what is empty, so that a column never looks as if it were missing.
func or(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func moment(t *time.Time) string {
	if t == nil || t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}
