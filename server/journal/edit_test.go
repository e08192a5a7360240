package journal_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// groups reads what is in force: by a range, and each object by itself.
func groups(t fataler, l *journal.Log, after string) map[string]string {
	t.Helper()
	out, last := map[string]string{}, ""
	check(t, l.View(context.Background(), func(s *journal.Snapshot) error {
		err := s.Range(mdc.GroupKind(), after, func(key string, body []byte) error {
			if key <= last {
				t.Fatal("the range is out of order at " + key)
			}
			last = key
			o, err := mdc.GroupKind().Decode(body)
			if err != nil {
				return err
			}
			one, err := s.Get(mdc.GroupKind(), key)
			if diff := cmp.Diff(one, o); err == nil && diff != "" {
				t.Fatal("an object by itself differs from the range: " + diff)
			}
			out[key] = o.(*mdc.Group).Description
			return err
		})
		return err
	}))
	return out
}

func edit(t fataler, l *journal.Log, fn func(tx *journal.Tx) error) {
	t.Helper()
	check(t, l.Update(context.Background(), fn))
}

// change is an edit: from what the master had to what counts here.
type change struct{ from, to string }

const absent = "(absent)"

func held(state map[string]string, name string) string {
	if d, has := state[name]; has {
		return d
	}
	return absent
}

// TestEditsLieOverTheCopy: whatever a master changes and a clone edits, in any order and with copies in between, the clone
// shows its edits over the objects that they were made over, and the master's where it has changed them since, while its copy,
// position and digest stay the master's; an edit ends exactly when the master has the same. Proves OAM-04.
func TestEditsLieOverTheCopy(t *testing.T) {
	fewerChecks(t)
	outer := t
	rapid.Check(t, func(t *rapid.T) {
		master, closeMaster := rapidLog(outer, t, outer.TempDir(), "NYDC")
		defer closeMaster()
		clone, closeClone := rapidLog(outer, t, outer.TempDir(), "LDC")
		defer closeClone()
		check(t, master.Update(context.Background(), func(tx *journal.Tx) error { return tx.Put(mdc.GroupKind(), group("base", ""), "test") }))
		copyTo(t, master, clone)
		theirs, own := map[string]string{"base": ""}, map[string]change{}
		arrived := maps.Clone(theirs)
		var states []map[string]string // of the master since the clone heard of it: an edit ends at any of them
		settle := func() {
			for name, c := range own {
				if c.to == held(arrived, name) {
					delete(own, name)
				}
			}
		}
		kind := mdc.GroupKind()
		for range rapid.IntRange(5, 25).Draw(t, "steps") {
			name := rapid.SampledFrom([]string{"a", "b", "base", "c", "d"}).Draw(t, "name")
			text := rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "text")
			switch rapid.IntRange(0, 6).Draw(t, "step") {
			case 0, 1:
				edit(t, master, func(tx *journal.Tx) error { return tx.Put(kind, group(name, text), "ny") })
				theirs[name] = text
				states = append(states, maps.Clone(theirs))
			case 2:
				edit(t, master, func(tx *journal.Tx) error { return tx.Delete(kind, name, "ny") })
				delete(theirs, name)
				states = append(states, maps.Clone(theirs))
			case 3:
				edit(t, clone, func(tx *journal.Tx) error { return tx.Edit(kind, group(name, text), "ld") })
				own[name] = change{held(arrived, name), text}
			case 4:
				edit(t, clone, func(tx *journal.Tx) error { return tx.EditAway(kind, name, "ld") })
				own[name] = change{held(arrived, name), absent}
			case 5:
				ship(t, master, clone, 1<<20)
				for _, arrived = range states {
					settle()
				}
				states = nil
			case 6:
				copyTo(t, master, clone)
				arrived, states = maps.Clone(theirs), nil
			}
			settle()
			want := maps.Clone(arrived)
			for name, c := range own {
				if c.from != held(arrived, name) {
					continue // the master has changed it since
				}
				if delete(want, name); c.to != absent {
					want[name] = c.to
				}
			}
			if diff := cmp.Diff(want, groups(t, clone, "")); diff != "" {
				t.Fatal("what is in force: " + diff)
			}
			after := maps.Clone(want)
			maps.DeleteFunc(after, func(k, _ string) bool { return k <= "b" })
			if diff := cmp.Diff(after, groups(t, clone, "b")); diff != "" {
				t.Fatal("what is in force after b: " + diff)
			}
			var edits []journal.Edit
			check(t, clone.View(context.Background(), func(s *journal.Snapshot) (err error) {
				edits, err = s.Edits()
				return err
			}))
			names := []string{}
			for _, e := range edits {
				names = append(names, e.Name)
			}
			if diff := cmp.Diff(append([]string{}, slices.Sorted(maps.Keys(own))...), names); diff != "" {
				t.Fatal("edits: " + diff)
			}
		}
		ship(t, master, clone, 1<<20)
		a, err := master.Position(context.Background())
		check(t, err)
		b, err := clone.Position(context.Background())
		check(t, err)
		if a != b {
			t.Fatal(fmt.Sprintf("the clone stands at %+v, the master at %+v", b, a))
		}
	})
}

// TestEdits: an edit says when the master has moved on; a range can be ended within edits; secrets and too many edits are refused; what is kept in a file
// is whole.
func TestEdits(t *testing.T) {
	master, _ := open(t, "NYDC")
	clone, _ := open(t, "LDC")
	kind := mdc.GroupKind()
	for _, name := range []string{"a", "b", "c"} {
		put(t, master, kind, group(name, ""))
	}
	copyTo(t, master, clone)
	edit(t, clone, func(tx *journal.Tx) error { return tx.Edit(kind, group("b", "of London"), "ld") })
	edit(t, clone, func(tx *journal.Tx) error { return tx.EditAway(kind, "c", "ld") })
	edit(t, clone, func(tx *journal.Tx) error { return tx.Edit(kind, group("z", ""), "ld") })
	put(t, master, kind, group("b", "of New York"))
	ship(t, master, clone, 1<<20)
	err := clone.View(t.Context(), func(s *journal.Snapshot) error {
		edits, err := s.Edits()
		if err != nil || len(edits) != 3 || !edits[0].Moved || edits[1].Moved || edits[1].Operation != journal.Delete || edits[2].Base != "" {
			t.Errorf("edits %+v, %v", edits, err)
		}
		if got := groups(t, clone, ""); got["b"] != "of New York" {
			t.Errorf("an edit counts although the master has changed the object since: %q", got["b"])
		}
		for stop, want := range map[string]int{"a": 1, "b": 2, "z": 3} {
			n := 0
			err := s.Range(kind, "", func(key string, _ []byte) error {
				n++
				if key == stop {
					return store.ErrStop
				}
				return nil
			})
			if err != nil || n != want {
				t.Errorf("a range that ends at %s visits %d: %v", stop, n, err)
			}
		}
		return nil
	})
	must(t, err)
	dir := t.TempDir()
	file, kept, err := clone.KeepEdits(t.Context(), dir)
	must(t, err)
	c, records, more, err := journal.ReadConflict(dir, file.ID, 0, 10)
	if err != nil || more || c.Records != 3 || len(records) != 3 || len(kept) != 3 || records[0].Name != "b" || records[1].Operation != journal.Delete {
		t.Errorf("file %+v with %+v: %v", c, records, err)
	}
	err = clone.Update(t.Context(), func(tx *journal.Tx) error {
		return tx.Edit(mdc.KeysetKind(), &mdc.Keyset{Purpose: mdc.PurposeCode, Keyset: []byte("k")}, "ld")
	})
	if err == nil {
		t.Error("a secret was edited")
	}
	err = clone.Update(t.Context(), func(tx *journal.Tx) error {
		for i := range journal.MaxEdits {
			if err := tx.Edit(kind, group(fmt.Sprint("more", i), ""), "ld"); err != nil {
				return err
			}
		}
		return nil
	})
	if fault.CodeOf(err) != "too_many_edits" {
		t.Errorf("too many edits: %v", err)
	}
	edit(t, clone, func(tx *journal.Tx) error {
		if found, err := tx.Discard(kind, "b"); !found || err != nil {
			return errors.Join(err, errors.New("the edit is not found"))
		}
		edits, err := tx.Edits()
		if err != nil {
			return err
		}
		edits[1].Time = edits[1].Time.Add(1)
		if n, left, err := tx.DiscardThese(edits); n != 1 || left != 1 || err != nil {
			return errors.Join(err, fmt.Errorf("%d were discarded and %d are left", n, left))
		}
		edits[1].Time = edits[1].Time.Add(-1)
		n, _, err := tx.DiscardThese(edits)
		if n != 1 {
			return errors.Join(err, fmt.Errorf("%d were discarded", n))
		}
		return err
	})
	if diff := cmp.Diff(map[string]string{"a": "", "b": "of New York", "c": ""}, groups(t, clone, "")); diff != "" {
		t.Errorf("after the edits: %s", diff)
	}
}

// TestDiscredit: a copy gives way to an empty one only where local objects and edits are those that the head record knows; the
// copy is in a file before (FLT-07).
func TestDiscredit(t *testing.T) {
	master, _ := open(t, "NYDC")
	put(t, master, mdc.GroupKind(), group("a", ""))
	clone, s := open(t, "LDC")
	put(t, clone, mdc.PartnerKind(), &mdc.Partner{ClusterID: "NYDC", AgentID: "a", Primary: []string{"p:1"}})
	copyTo(t, master, clone)
	nothing := func(*journal.Tx) error { return nil }
	old := head(t, s)
	edit(t, clone, func(tx *journal.Tx) error { return tx.Edit(mdc.GroupKind(), group("a", "here"), "ld") })
	known := head(t, s)
	edit(t, clone, func(tx *journal.Tx) error {
		_, err := tx.Discard(mdc.GroupKind(), "a")
		return err
	})
	if err := clone.Discredit(t.Context(), known, nothing); fault.CodeOf(err) != "state_damaged" {
		t.Errorf("an edit that the head record knows was lost: %v", err)
	}
	put(t, clone, mdc.PartnerKind(), &mdc.Partner{ClusterID: "NYDC", AgentID: "b", Primary: []string{"p:1"}})
	if err := clone.Discredit(t.Context(), old, nothing); fault.CodeOf(err) != "state_damaged" {
		t.Errorf("another local object than the head record knows: %v", err)
	}
	if got := groups(t, clone, ""); len(got) != 1 {
		t.Errorf("what was refused changed the copy: %v", got)
	}
	dir := t.TempDir()
	file, found, err := clone.KeepDiscredited(t.Context(), dir)
	must(t, err)
	must(t, clone.Discredit(t.Context(), head(t, s), nothing))
	must(t, clone.VerifyLocal(t.Context()))
	if got, pos := groups(t, clone, ""), position(t, clone); len(got) != 0 || pos.Sequence != 0 {
		t.Errorf("after it %v at %+v", got, pos)
	}
	c, records, _, err := journal.ReadConflict(dir, file.ID, 0, 10)
	if err != nil || !found || !c.Complete || c.Reason != journal.ReasonDiscredited || len(records) != 1 || records[0].Name != "a" {
		t.Errorf("file %+v with %+v: %v", c, records, err)
	}
	copyTo(t, master, clone)
	if got := groups(t, clone, ""); len(got) != 1 {
		t.Errorf("after a new copy %v", got)
	}
}
