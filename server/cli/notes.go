package cli

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// noteWidth is how wide sentences are set: they are read in terminals of 80 columns too.
const noteWidth = 80

// note is what is to be said of one thing in sentences, below the table of figures.
type note struct {
	subject string
	lines   []line
}

// line is one sentence and what it is about.
type line struct{ label, text string }

// notes writes what has lines, each sentence set below its subject and wrapped.
func (p *program) notes(all ...note) error {
	for _, n := range all {
		if len(n.lines) == 0 {
			continue
		}
		if _, err := fmt.Fprintf(p.stdout, "\n%s\n", strings.Map(printable, n.subject)); err != nil {
			return err
		}
		for _, l := range n.lines {
			if err := p.sentence(l); err != nil {
				return err
			}
		}
	}
	return nil
}

// sentence writes one line of a note. Like a table it lets nothing through that moves the cursor.
func (p *program) sentence(l line) error {
	head := fmt.Sprintf("  %-14s", l.label)
	for _, part := range wrap(strings.Map(printable, l.text), noteWidth-len(head)) {
		if _, err := fmt.Fprintln(p.stdout, head+part); err != nil {
			return err
		}
		head = strings.Repeat(" ", len(head))
	}
	return nil
}

// wrap breaks text between words, so that no part is longer than width but a word that is.
func wrap(text string, width int) (parts []string) {
	part := ""
	for _, word := range strings.Fields(text) {
		if part != "" && utf8.RuneCountInString(part)+1+utf8.RuneCountInString(word) > width {
			parts, part = append(parts, part), ""
		}
		if part != "" {
			part += " "
		}
		part += word
	}
	return append(parts, part)
}
