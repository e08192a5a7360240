package journal

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

const (
	conflictSuffix  = ".jsonl"
	maxConflictLine = 8 << 20
	tailPage        = 1 << 20
	conflictPage    = 1 << 20 // bytes of records that are read at once; one record may have more
)

// Why a conflict file was kept.
const (
	ReasonOvertaken   = "overtaken"   // changes of an epoch that lost against a promotion
	ReasonOverwritten = "overwritten" // objects made here that the first copy of a master replaced
	ReasonDiscredited = "discredited" // the copy of a clone that lost acknowledged changes and began anew
	ReasonEdited      = "edited"      // changes that were made on a clone alone, and ended
)

// Conflict describes a file of what was made here and the master now in force does not have: changes after the last position
// that both have (SEC-50), or objects that its first copy replaced (MSS-03).
type Conflict struct {
	Reason    string       `json:"reason,omitempty"` // Reason…
	ID        string       `json:"id"`               // the file's name without its suffix
	ClusterID string       `json:"cluster_id"`       // where the changes were made or copied to
	Epoch     mdc.Epoch    `json:"epoch"`            // the one that lost
	Winner    mdc.Epoch    `json:"winner"`           // the one in force
	Base      mdc.Position `json:"base"`             // the last position that both have
	End       mdc.Position `json:"end"`              // where this data center stood
	Time      time.Time    `json:"time"`
	Records   int          `json:"records"`
	Complete  bool         `json:"complete"` // false: the journal here no longer reached back to the base
}

type conflictLine struct {
	Conflict *Conflict `json:"conflict,omitempty"` // in the first line
	Record   *Record   `json:"record,omitempty"`   // its body is wrapped by the node's key when the kind is secret
}

// KeepTail writes the changes after base, the last position that both journals have, into a file of their own in dir, 0600, and returns when it is durable.
// What the promotions themselves wrote is left out. With nothing to keep, and when the same tail is kept already, it writes
// nothing; found says whether there is a file.
func (l *Log) KeepTail(ctx context.Context, dir string, base mdc.Position, winner mdc.Epoch) (c Conflict, found bool, err error) {
	err = l.View(ctx, func(s *Snapshot) error {
		if c, err = s.conflict(base, winner); err != nil || c.Records == 0 {
			return err
		}
		kept, err := Conflicts(dir)
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(kept, func(k Conflict) bool { return k.Reason == c.Reason && k.End == c.End && k.Base == c.Base }); i >= 0 {
			c, found = kept[i], true
			return nil
		}
		found = true
		return s.writeConflict(dir, c, func(visit func(Record) error) error { return s.eachOfTail(c.Base.Sequence, visit) })
	})
	if err != nil {
		return c, false, fmt.Errorf("keep tail after %d: %w", base.Sequence, err)
	}
	return c, found, nil
}

// KeepEdits writes the edits of this clone into a file of the same form, one record each in the order of kinds and names, and
// gives the edits that it holds.
func (l *Log) KeepEdits(ctx context.Context, dir string) (c Conflict, kept []Edit, err error) {
	err = l.View(ctx, func(s *Snapshot) error {
		if kept, err = s.Edits(); err != nil || len(kept) == 0 {
			return err
		}
		if c, err = s.describe(mdc.Epoch{}); err != nil {
			return err
		}
		c.ID, c.Base, c.Winner, c.Records, c.Reason = c.ID+"-edits", c.End, c.End.Epoch, len(kept), ReasonEdited
		return s.writeConflict(dir, c, func(visit func(Record) error) error {
			for i, e := range kept {
				r := Record{Sequence: uint64(i) + 1, Epoch: c.Epoch, Time: e.Time, Actor: e.Actor, Kind: e.Kind, Name: e.Name, Operation: e.Operation, Body: e.Body}
				if err := visit(r); err != nil {
					return err
				}
			}
			return nil
		})
	})
	if err != nil {
		return c, nil, fmt.Errorf("keep edits: %w", err)
	}
	return c, kept, nil
}

// DropConflict removes a file; one that is gone already is no error.
func DropConflict(dir, id string) error {
	if !conflictID(id) {
		return noConflict(id)
	}
	err := os.Remove(filepath.Join(dir, id+conflictSuffix))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove conflict %s: %w", id, err)
	}
	return nil
}

// Unkeep removes the file of edits that KeepEdits wrote, after they were not discarded. What became of a change whose writer got
// an error is not always known, so it looks: a file that holds an edit which is gone stays.
func (l *Log) Unkeep(ctx context.Context, dir string, c Conflict, kept []Edit) error {
	if len(kept) == 0 {
		return nil
	}
	all := true
	err := l.View(ctx, func(s *Snapshot) error {
		now, err := s.Edits()
		for _, e := range kept {
			all = all && slices.ContainsFunc(now, e.Same)
		}
		return err
	})
	if err != nil || !all {
		return err
	}
	return DropConflict(dir, c.ID)
}

// writeConflict writes a file with the records that each visits.
func (s *Snapshot) writeConflict(dir string, c Conflict, each func(visit func(Record) error) error) error {
	return writeDurably(dir, c.ID+conflictSuffix, func(w io.Writer) error {
		lines := json.NewEncoder(w)
		if err := lines.Encode(conflictLine{Conflict: &c}); err != nil {
			return err
		}
		return each(func(r Record) error { return s.writeRecord(lines, r) })
	})
}

// describe begins the description of a file that is kept now.
func (s *Snapshot) describe(winner mdc.Epoch) (Conflict, error) {
	pos, err := s.Position()
	if err != nil {
		return Conflict{}, err
	}
	now := s.l.c.Clock.Now().UTC()
	return Conflict{Reason: ReasonOvertaken, ClusterID: s.l.c.ClusterID, Epoch: pos.Epoch, Winner: winner, End: pos, Time: now, Complete: true,
		ID: fmt.Sprintf("%s-%d-%s", now.Format("20060102T150405.000000Z"), pos.Epoch.Number, pos.Epoch.ClusterID)}, nil
}

// same says whether another file keeps the same objects that a copy replaced.
func (c Conflict) same(k Conflict) bool {
	return c.Reason == k.Reason && c.End == k.End && c.Winner == k.Winner && c.Records == k.Records
}

func (s *Snapshot) conflict(base mdc.Position, winner mdc.Epoch) (Conflict, error) {
	c, err := s.describe(winner)
	if err != nil {
		return c, err
	}
	digest, reaches, err := s.DigestAt(base.Sequence)
	if err != nil {
		return c, err
	}
	c.Base, c.Complete = mdc.Position{Epoch: base.Epoch, Sequence: base.Sequence, Digest: digest}, reaches
	return c, s.eachOfTail(base.Sequence, func(Record) error { c.Records++; return nil })
}

// byItself names the kinds that data centers write by themselves.
func byItself(kind string) bool {
	return kind == mdc.PromotionKind().Name || kind == mdc.DataCenterKeyKind().Name
}

func (s *Snapshot) eachOfTail(base uint64, visit func(Record) error) error {
	for after := base; ; {
		records, err := s.Records(after, tailPage)
		if err != nil || len(records) == 0 {
			return err
		}
		for _, r := range records {
			after = r.Sequence
			if byItself(r.Kind) {
				continue
			}
			if err := visit(r); err != nil {
				return err
			}
		}
	}
}

// Tail says whether there are changes after the sequence base that are not of promotions alone. Where the journal no longer
// reaches back that far there may be, and it says so.
func (s *Snapshot) Tail(base uint64) (found bool, err error) {
	pos, err := s.Position()
	if err != nil || pos.Sequence <= base {
		return false, err
	}
	if _, reaches, err := s.DigestAt(base); err != nil || !reaches {
		return true, err
	}
	err = s.eachOfTail(base, func(Record) error {
		found = true
		return errEnough
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return found, err
}

func (s *Snapshot) writeRecord(lines *json.Encoder, r Record) (err error) {
	if r.Operation == Put {
		if r.Body, err = s.l.atRest(s.l.kinds[r.Kind], r.Name, r.Body); err != nil {
			return err
		}
	}
	return lines.Encode(conflictLine{Record: &r})
}

// writeDurably writes a file for the owner alone: a crash leaves all of it or none.
func writeDurably(dir, name string, write func(io.Writer) error) (err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	path := filepath.Join(dir, name)
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	err = write(w)
	if err = errors.Join(err, w.Flush(), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := syncDir(d); err != nil {
			return err
		}
	}
	return nil
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Conflicts lists the files in dir, oldest first. No directory means none.
func Conflicts(dir string) ([]Conflict, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list conflicts: %w", err)
	}
	var out []Conflict
	for _, e := range entries {
		id, ok := strings.CutSuffix(e.Name(), conflictSuffix)
		if !ok || !conflictID(id) {
			continue
		}
		c, err := readConflict(dir, id, nil)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

// ReadConflict gives one file and up to limit of its records after a sequence, fewer where they are long; more says that there are others behind them.
// The bodies of secret kinds are left out. fault.NotFound.
func ReadConflict(dir, id string, after uint64, limit int) (c Conflict, records []Record, more bool, err error) {
	if !conflictID(id) {
		return c, nil, false, noConflict(id)
	}
	size := 0
	c, err = readConflict(dir, id, func(r Record) error {
		if r.Sequence <= after {
			return nil
		}
		if len(records) == limit || len(records) > 0 && size+len(r.Body) > conflictPage {
			more = true
			return errEnough
		}
		if kind, ok := mdc.KindByName(r.Kind); !ok || kind.Secret {
			r.Body = nil
		}
		size += len(r.Body)
		records = append(records, r)
		return nil
	})
	return c, records, more, err
}

func noConflict(id string) error {
	return fault.New(fault.NotFound, "not_found", "There is no conflict file %q here.", id[:min(len(id), 120)])
}

// IsConflictID says whether a text can be the id of a file.
func IsConflictID(id string) bool { return conflictID(id) }

// conflictID keeps a caller's text inside the directory.
func conflictID(id string) bool {
	return id != "" && len(id) <= 128 && id[0] != '.' && strings.IndexFunc(id, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.')
	}) < 0
}

var errEnough = errors.New("enough")

func readConflict(dir, id string, visit func(Record) error) (c Conflict, err error) {
	f, err := os.Open(filepath.Join(dir, id+conflictSuffix)) //nolint:gosec // conflictID keeps the name in dir
	if errors.Is(err, fs.ErrNotExist) {
		return c, noConflict(id)
	}
	if err != nil {
		return c, fmt.Errorf("open conflict %s: %w", id, err)
	}
	defer f.Close() //nolint:errcheck // only read
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, maxConflictLine)
	for first := true; lines.Scan(); first = false {
		var l conflictLine
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil || first != (l.Conflict != nil) || first == (l.Record != nil) {
			return c, fmt.Errorf("read conflict %s: it is damaged", id)
		}
		if first {
			if c = *l.Conflict; c.Reason == "" { // an older version wrote it
				c.Reason = ReasonOvertaken
			}
			if visit == nil {
				return c, nil
			}
			continue
		}
		if err := visit(*l.Record); errors.Is(err, errEnough) {
			return c, nil
		} else if err != nil {
			return c, err
		}
	}
	if err := lines.Err(); err != nil {
		return c, fmt.Errorf("read conflict %s: %w", id, err)
	}
	if c.ID != id {
		return c, fmt.Errorf("read conflict %s: it is damaged", id)
	}
	return c, nil
}
