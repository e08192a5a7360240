package journal_test

import (
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// Proves FLT-07 for what is older than the last change: an object or a record that is missing, changed or too many is found,
// although position and head record fit each other. Pruned journals and copies are sound.
func TestVerifyContent(t *testing.T) {
	for name, c := range map[string]struct {
		damage           func(t *testing.T, s store.Store)
		objects, records bool // sound
		words            string
	}{
		"sound":            {func(*testing.T, store.Store) {}, true, true, ""},
		"an object lost":   {deleting("c/g/", "g1"), false, true, "lost acknowledged changes"},
		"an object older":  {func(t *testing.T, s store.Store) { overwrite(t, s, key(t, s, "g1"), `{"name":"g1"}`) }, false, true, "sequence 4"},
		"a secret damaged": {func(t *testing.T, s store.Store) { overwrite(t, s, key(t, s, mdc.PurposeCode), "x") }, false, true, "node key"},
		"a record lost":    {deletingRecord(2), true, false, "no record 2"},
		"the first lost":   {deletingRecord(1), true, false, "no record 1"},
		"the last lost":    {deletingRecord(4), true, false, "ends at record 3"},
	} {
		t.Run(name, func(t *testing.T) {
			l, s := open(t, "NYDC")
			put(t, l, mdc.GroupKind(), group("g1", "first"))
			put(t, l, mdc.GroupKind(), group("g2", ""))
			put(t, l, mdc.KeysetKind(), &mdc.Keyset{Purpose: mdc.PurposeCode, Keyset: []byte("x")})
			put(t, l, mdc.GroupKind(), group("g3", ""))
			c.damage(t, s)
			for what, v := range map[string]struct {
				err   error
				sound bool
			}{"objects": {l.VerifyObjects(t.Context()), c.objects}, "records": {l.VerifyRecords(t.Context()), c.records}} {
				if (v.err == nil) != v.sound || !v.sound && (fault.CodeOf(v.err) != "state_damaged" || !strings.Contains(v.err.Error(), c.words)) {
					t.Errorf("%s: %v", what, v.err)
				}
			}
		})
	}
}

// Proves that VerifyRecords takes a journal that begins later, and an empty one.
func TestVerifyRecordsFromTheBase(t *testing.T) {
	master, _ := open(t, "NYDC")
	must(t, master.VerifyRecords(t.Context()))
	for _, name := range []string{"a", "b", "c"} {
		put(t, master, mdc.GroupKind(), group(name, ""))
	}
	clone, _ := open(t, "LDC")
	copyTo(t, master, clone)
	must(t, clone.VerifyRecords(t.Context()))
	must(t, clone.VerifyObjects(t.Context()))
	if n, err := master.Prune(t.Context(), journal.Retention{KeepRecords: 1}); n != 2 || err != nil {
		t.Fatalf("pruned %d, %v", n, err)
	}
	must(t, master.VerifyRecords(t.Context()))
}

func deleting(prefix, part string) func(*testing.T, store.Store) {
	return func(t *testing.T, s store.Store) {
		k := key(t, s, part)
		if !strings.HasPrefix(string(k), prefix) {
			t.Fatalf("key %q", k)
		}
		must(t, s.Update(t.Context(), func(tx store.Writer) error { return tx.Delete(k) }))
	}
}

func deletingRecord(sequence byte) func(*testing.T, store.Store) {
	return func(t *testing.T, s store.Store) {
		k := append([]byte("c/j/\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00"), sequence)
		must(t, s.Update(t.Context(), func(tx store.Writer) error { return tx.Delete(k) }))
	}
}
