package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

const (
	verifyAuditTime = 10 * time.Minute
	followEvery     = 2 * time.Second
	followOverlap   = time.Minute // clocks differ, and a partner's records come later
)

// printAudit writes records in a form.
func (p *program) printAudit(all []wire.AuditEvent, everywhere bool, form string) error {
	switch form {
	case formLines:
		lines := json.NewEncoder(p.stdout)
		for _, e := range all {
			if err := lines.Encode(e); err != nil {
				return err
			}
		}
		return nil
	case "json":
		return p.json(append([]wire.AuditEvent{}, all...)) // [] and never null
	}
	return p.auditTable(all, everywhere, true)
}

// auditTable lays records out within 80 columns. The result stands last and whole: it says why somebody was refused.
func (p *program) auditTable(all []wire.AuditEvent, everywhere, head bool) error {
	form := func(at, center, who, what, result string) error {
		row := fmt.Sprintf("%-20s  %-14s  %-18s  %s", at, begin(who, 14), begin(what, 18), result)
		if everywhere {
			row = fmt.Sprintf("%-20s  %-7s  %-10s  %-14s  %s", at, begin(center, 7), begin(who, 10), begin(what, 14), result)
		}
		_, err := fmt.Fprintln(p.stdout, strings.TrimRight(strings.Map(printable, row), " "))
		return err
	}
	if head {
		if err := form("TIME", "WHERE", "WHO", "WHAT", "RESULT"); err != nil {
			return err
		}
	}
	for _, e := range all {
		what := e.Action + " " + e.Kind
		if e.Name != "" {
			what += "/" + e.Name
		}
		if e.User != "" && e.Kind != "user" {
			what = e.Action + " " + e.User
		}
		result := e.Outcome
		if e.Outcome != "ok" && e.Reason != "" {
			result = e.Reason
		}
		if e.Count > 0 {
			result = strconv.FormatUint(e.Count, 10) + "x " + result
		}
		if err := form(moment(&e.Time), e.DataCenter, e.Actor, what, result); err != nil {
			return err
		}
	}
	return nil
}

// begin gives the beginning of a long text, in runes.
func begin(s string, width int) string {
	r := []rune(s)
	if len(r) <= width {
		return s
	}
	return string(r[:width-2]) + ".."
}

// followAudit prints the last records and then what comes, until interrupted.
func (p *program) followAudit(ctx context.Context, conn *connection, f auditFilter, limit int, form string) error {
	if form == "json" {
		return usage("--follow has no end, so it writes a table or -o %s", formLines)
	}
	if f.to != "" {
		return usage("--follow goes on with new records, so it takes no --to")
	}
	ctx, stop := untilSignal(ctx)
	defer stop()
	f.oldest = false
	all, silent, err := auditRecords(ctx, conn, f.query(), limit)
	slices.Reverse(all)
	seen := map[string]uint64{}
	f.oldest = true
	for first := true; err == nil; first = false {
		if silent != "" {
			fmt.Fprintln(p.stderr, "concord:", incomplete(silent)) //nolint:errcheck // nobody is left to tell
		}
		if err := p.printNew(all, seen, f.all(), form, first); err != nil {
			return err
		}
		if n := len(all); n > 0 {
			f.from = all[n-1].Time.Add(-followOverlap).UTC().Format(time.RFC3339)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(followEvery):
		}
		all, silent, err = auditRecords(ctx, conn, f.query(), 100_000)
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (p *program) printNew(all []wire.AuditEvent, seen map[string]uint64, everywhere bool, form string, head bool) error {
	var fresh []wire.AuditEvent
	for _, e := range all {
		if chain := e.DataCenter + "/" + e.Chain; e.Sequence > seen[chain] {
			seen[chain] = e.Sequence
			fresh = append(fresh, e)
		}
	}
	if form == formLines {
		return p.printAudit(fresh, everywhere, form)
	}
	return p.auditTable(fresh, everywhere, head)
}

func (p *program) printChains(v wire.AuditVerification, output string) error {
	var rows [][]string
	var broken []string
	for _, c := range v.Chains {
		rows = append(rows, []string{c.Chain, strconv.FormatUint(c.Records, 10), strconv.FormatUint(c.First, 10), strconv.FormatUint(c.Last, 10), c.Result})
		if c.Result != wire.ResultPass {
			broken = append(broken, fmt.Sprintf("record %d of %s is the first that does not fit: %s", c.BrokenAt, c.Chain, strings.Map(printable, c.Reason)))
		}
	}
	var err error
	if output == "json" {
		err = p.json(v)
	} else {
		err = p.table([]string{"CHAIN", "RECORDS", "FIRST", "LAST", "RESULT"}, rows)
	}
	if err == nil && len(broken) > 0 {
		err = checkError{v.ID + ": " + strings.Join(broken, "; ")}
	}
	return err
}

// writeNew writes a file that was not there, for its owner alone. One that could not be completed is removed.
func writeNew(file string, from io.Reader) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("--file: %w", err)
	}
	_, err = io.Copy(f, from)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("the export is not complete: %w", errors.Join(err, os.Remove(file)))
	}
	return nil
}
