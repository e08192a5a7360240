package audit_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/concord-access/terraform-provider-concord/server/audit"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/google/go-cmp/cmp"
)

// TestARecordIsOneLineOfBoundedTexts: whatever a caller sends, a record is one line of JSON, without what moves a terminal's
// cursor, and each of its texts has at most 1 KiB (SEC-67).
func TestARecordIsOneLineOfBoundedTexts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, evil := range []string{"x\r\n{\"action\":\"planted\"}", "\x1b[2J\u009b31m", "a\u2028b\u2029c\u202ed", strings.Repeat("A", 64<<10), strings.Repeat("\u00e9", 700), "\xff\xfe", strings.Repeat("\x1b", 1<<20)} {
		w.write(w.acts, audit.Event{Actor: evil, Action: evil, Target: evil, User: evil, Store: evil, Session: evil, SignOn: evil, Address: evil, Agent: evil, Outcome: evil, Reason: evil, Detail: evil, RequestID: evil})
	}
	n := 0
	w.must(w.store.View(t.Context(), func(r store.Reader) error {
		return r.Range(store.Span{Prefix: []byte("a/e/")}, func(_, v []byte) error {
			n++
			var texts map[string]any
			if err := json.Unmarshal(v, &texts); err != nil || bytes.ContainsAny(v, "\r\n\x1b") || !utf8.Valid(v) {
				t.Errorf("record %d: %v in %.200q", n, err, v)
			}
			for name, value := range texts {
				text, _ := value.(string)
				if len(text) > audit.MaxText || strings.ContainsAny(text, "\u2028\u2029\u202e\u009b\n\r\x1b") {
					t.Errorf("record %d: %s has %d bytes: %.100q", n, name, len(text), text)
				}
			}
			return nil
		})
	}))
	if n != 7 {
		t.Errorf("%d records", n)
	}
	if got, err := w.acts.Verify(t.Context(), w.store); err != nil || got != 7 {
		t.Errorf("verified %d: %v", got, err)
	}
}

func key(prefix string, n uint64) []byte { return binary.BigEndian.AppendUint64([]byte(prefix), n) }

// TestVerifyNamesTheFirstRecordThatDoesNotFit edits, removes and cuts off, also with a head that was made to fit: SEC-75.
func TestVerifyNamesTheFirstRecordThatDoesNotFit(t *testing.T) {
	t.Parallel()
	change := func(n uint64, old, with string) func(store.Writer) error {
		return func(tx store.Writer) error {
			v, err := tx.Get(key("a/e/", n))
			if err != nil || !bytes.Contains(v, []byte(old)) {
				return fmt.Errorf("record %d has no %q: %w", n, old, err)
			}
			return tx.Put(key("a/e/", n), bytes.Replace(v, []byte(old), []byte(with), 1), 0)
		}
	}
	remove := func(ns ...uint64) func(store.Writer) error {
		return func(tx store.Writer) error {
			for _, n := range ns {
				if err := tx.Delete(key("a/e/", n)); err != nil {
					return err
				}
			}
			return nil
		}
	}
	head := func(edit func(map[string]any)) func(store.Writer) error {
		return func(tx store.Writer) error {
			v, err := tx.Get([]byte("a/h"))
			if err != nil {
				return err
			}
			h := map[string]any{}
			if err := json.Unmarshal(v, &h); err != nil {
				return err
			}
			edit(h)
			b, err := json.Marshal(h)
			if err != nil {
				return err
			}
			return tx.Put([]byte("a/h"), b, 0)
		}
	}
	prev := func(tx store.Writer, n uint64) string {
		v, err := tx.Get(key("a/e/", n))
		if err != nil {
			return err.Error()
		}
		var rec audit.Record
		if err := json.Unmarshal(v, &rec); err != nil {
			return err.Error()
		}
		return rec.PrevHash
	}
	for name, c := range map[string]struct {
		damage func(store.Writer) error
		at     uint64
	}{
		"nothing":              {func(store.Writer) error { return nil }, 0},
		"an edit":              {change(4, "user/u4", "user/x4"), 4},
		"an edit of the last":  {change(10, "user/u10", "user/x10"), 10},
		"an edit of the first": {change(1, "user/u1", "user/x1"), 1},
		"another hash":         {change(5, `"prev_hash":"`, `"prev_hash":"0`), 4},
		"no JSON":              {change(3, `{`, `[`), 3},
		"the first removed":    {remove(1), 1},
		"one removed":          {remove(6), 6},
		"the end cut off":      {remove(9, 10), 9},
		"all removed":          {remove(1, 2, 3, 4, 5, 6, 7, 8, 9, 10), 1},
		"the end cut off, with a head that fits": {func(tx store.Writer) error {
			h := prev(tx, 9)
			return errors.Join(remove(9, 10)(tx), head(func(m map[string]any) { m["sequence"], m["hash"] = 8, h })(tx))
		}, 8},
		"the same without a signature": {func(tx store.Writer) error {
			h := prev(tx, 9)
			return errors.Join(remove(9, 10)(tx), head(func(m map[string]any) { m["sequence"], m["hash"] = 8, h; delete(m, "mac") })(tx))
		}, 8},
		"no head": {func(tx store.Writer) error { return tx.Delete([]byte("a/h")) }, 1},
		"a checkpoint made up": {func(tx store.Writer) error {
			return errors.Join(remove(1)(tx), tx.Put([]byte("a/c"), []byte(`{"sequence":1,"hash":"x","high":0}`), 0))
		}, 2},
		"times hidden by a mark":   {func(tx store.Writer) error { return tx.Put(key("a/t/", 1), key("", 9), 0) }, 9},
		"a mark of what is absent": {func(tx store.Writer) error { return tx.Put(key("a/t/", 999_999), key("", 999), 0) }, 999},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			for i := range 10 {
				w.write(w.acts, audit.Event{Actor: "token:bootstrap", Action: "put", Target: fmt.Sprint("user/u", i+1)})
				w.clock.Advance(13 * time.Minute)
			}
			w.update(c.damage)
			_, err := w.acts.Verify(t.Context(), w.store)
			broken, ok := errors.AsType[*audit.Broken](err)
			if c.at == 0 && err != nil || c.at > 0 && (!ok || broken.Sequence != c.at || broken.Chain != audit.Acts) {
				t.Errorf("got %v; want record %d", err, c.at)
			}
		})
	}
}

// TestRecordsOfBeforeStay: what an earlier version wrote is verified, read and continued.
func TestRecordsOfBeforeStay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := `{"sequence":1,"time":"2026-02-01T08:00:00Z","data_center":"NYDC","actor":"token:bootstrap","action":"put","target":"user/ann","request_id":"r1","prev_hash":""}`
	w.update(func(tx store.Writer) error {
		return errors.Join(tx.Put(key("a/e/", 1), []byte(first), 0),
			tx.Put([]byte("a/h"), []byte(`{"sequence":1,"hash":"3beb51f0d8ec12d08d3e9d3df4ec5b53d0a9f44a2a3d8f4bb4f8b0a7d0e0f7a1"}`), 0))
	})
	if _, err := w.acts.Verify(t.Context(), w.store); err == nil {
		t.Error("a head with another hash was taken")
	}
	w.update(func(tx store.Writer) error {
		return tx.Put([]byte("a/h"), []byte(`{"sequence":1,"hash":"`+sum(first)+`"}`), 0)
	})
	if n, err := w.acts.Verify(t.Context(), w.store); err != nil || n != 1 {
		t.Fatalf("%d: %v", n, err)
	}
	w.write(w.acts, audit.Event{Actor: "token:bootstrap", Action: "delete", Target: "user/ann", Address: "10.0.0.1"})
	if n, err := w.acts.Verify(t.Context(), w.store); err != nil || n != 2 {
		t.Fatalf("%d: %v", n, err)
	}
	got, _ := w.all(audit.Query{Limit: 10, Object: "user/ann", From: time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)})
	if len(got) != 2 || got[1].RequestID != "r1" || got[1].Node != "" || got[0].Node != "ny1" {
		t.Errorf("%+v", got)
	}
}

// TestPruneLeavesAChainThatIsVerified: by number and by age, with a checkpoint that nobody else can write, and a record in the
// chain that says what went.
func TestPruneLeavesAChainThatIsVerified(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 3000 {
		w.write(w.runtime, audit.Event{Actor: "user:ann", Action: "sign_in", Target: fmt.Sprint("session/", i)})
		w.clock.Advance(time.Minute)
	}
	before, _ := w.all(audit.Query{Limit: 1000})
	prune := func(r audit.Retention, want uint64) {
		t.Helper()
		if n, err := w.runtime.Prune(t.Context(), w.store, r); err != nil || n != want {
			t.Errorf("%+v removed %d: %v; want %d", r, n, err, want)
		}
		if _, err := w.runtime.Verify(t.Context(), w.store); err != nil {
			t.Errorf("after %+v: %v", r, err)
		}
	}
	prune(audit.Retention{}, 0)
	prune(audit.Retention{KeepRecords: 2950}, 0)    // not for a few
	prune(audit.Retention{KeepRecords: 1500}, 1501) // the two records of the prune count too: 1000 go with the first
	prune(audit.Retention{KeepRecords: 1500}, 0)
	prune(audit.Retention{KeepFor: 10 * time.Hour}, 899)
	after, _ := w.all(audit.Query{Limit: 1000, Action: "sign_in"})
	if diff := cmp.Diff(before[:600], after); diff != "" {
		t.Error(diff)
	}
	prunes, _ := w.all(audit.Query{Limit: 10, Action: "prune", Object: "audit/runtime", Oldest: true})
	if len(prunes) != 3 || !strings.HasPrefix(prunes[0].Detail, "records 1 to 1000; SHA-256 of the last ") {
		t.Errorf("%+v", prunes)
	}
	r, err := w.runtime.Examine(t.Context(), w.store)
	if err != nil || r.First != 2401 || r.Last != 3003 || r.Records != 603 {
		t.Errorf("%+v %v", r, err)
	}
	w.update(func(tx store.Writer) error { return tx.Delete([]byte("l/c")) })
	if _, err := w.runtime.Verify(t.Context(), w.store); err == nil || !strings.Contains(err.Error(), "record 1 of runtime") {
		t.Errorf("without its checkpoint: %v", err)
	}
}
