package journal_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

func survey(t testing.TB, l *journal.Log) (out *journal.Survey) {
	t.Helper()
	must(t, l.View(t.Context(), func(s *journal.Snapshot) (err error) {
		out, err = s.Survey()
		return err
	}))
	return out
}

// key finds where an object lies.
func key(t testing.TB, s store.Store, part string) (found []byte) {
	t.Helper()
	must(t, s.View(t.Context(), func(r store.Reader) error {
		return r.Range(store.Span{Prefix: []byte("c/g/")}, func(k, _ []byte) error {
			if strings.HasSuffix(string(k), part) {
				found = k
			}
			return nil
		})
	}))
	if found == nil {
		t.Fatalf("no object under %q", part)
	}
	return found
}

func overwrite(t testing.TB, s store.Store, k []byte, v string) {
	t.Helper()
	must(t, s.Update(t.Context(), func(w store.Writer) error { return w.Put(k, []byte(v), 0) }))
}

// A survey of sound objects adds up to the rolling digest; one changed behind the journal's back does not, and mending
// makes it so again, at the same position.
func TestSurveyAndMend(t *testing.T) {
	l, s := open(t, "NYDC")
	for i := range 300 {
		put(t, l, mdc.GroupKind(), group(fmt.Sprintf("g%d", i), "sound"))
	}
	put(t, l, mdc.KeysetKind(), &mdc.Keyset{Purpose: mdc.PurposeCode, Keyset: []byte("secret")})
	before := position(t, l)
	if v := survey(t, l); v.Total != before.Digest || v.Kinds["group"].Objects != 300 {
		t.Fatalf("survey of a sound state: %+v", v)
	}
	good := map[string][]byte{}
	for _, i := range items(t, l) {
		good[i.Name] = i.Body
	}
	overwrite(t, s, key(t, s, "group\x00g7"), `{"name":"g7","description":"damaged"}`)
	overwrite(t, s, key(t, s, "keyset\x00code"), "not even wrapped")
	overwrite(t, s, []byte(strings.TrimSuffix(string(key(t, s, "group\x00g8")), "g8")+"extra"), `{"name":"extra"}`)
	v := survey(t, l)
	if v.Total == before.Digest || v.Kinds["group"].Objects != 301 || !strings.HasSuffix(v.Kinds["keyset"].Digest, "-damaged") {
		t.Fatalf("survey of a damaged state: %+v", v)
	}
	must(t, l.Update(t.Context(), func(tx *journal.Tx) error {
		return errors.Join(tx.Mend("group", "g7", good["g7"]), tx.Mend("keyset", mdc.PurposeCode, good[mdc.PurposeCode]), tx.Mend("group", "extra", nil))
	}))
	if v := survey(t, l); v.Total != before.Digest || position(t, l) != before {
		t.Errorf("after mending: %+v at %+v", v, position(t, l))
	}
	put(t, l, mdc.GroupKind(), group("g7", "goes on"))
	if v := survey(t, l); v.Total != position(t, l).Digest {
		t.Error("the rolling digest does not go on from there")
	}
	if err := l.Update(t.Context(), func(tx *journal.Tx) error { return tx.Mend("partner", "LDC", nil) }); err == nil {
		t.Error("a local object was mended")
	}
	must(t, l.View(t.Context(), func(s *journal.Snapshot) error {
		touched, found, err := s.Touched(before)
		if len(touched) != 1 || !touched["group\x00g7"] || !found {
			t.Errorf("touched %v, %v", touched, found)
		}
		before.Digest = "another history"
		if _, found, _ := s.Touched(before); found {
			t.Error("another history was continued")
		}
		return err
	}))
}

// What a record replaces may be damaged; then the clone needs a copy and must say so (ErrDiverged).
func TestApplyOverDamage(t *testing.T) {
	l, s := open(t, "NYDC")
	put(t, l, mdc.KeysetKind(), &mdc.Keyset{Purpose: mdc.PurposeCode, Keyset: []byte("secret")})
	overwrite(t, s, key(t, s, "keyset\x00code"), "not even wrapped")
	pos := position(t, l)
	err := l.Update(t.Context(), func(tx *journal.Tx) error {
		return tx.Apply(journal.Record{Sequence: pos.Sequence + 1, Epoch: pos.Epoch, Kind: "keyset", Name: mdc.PurposeCode, Operation: journal.Delete})
	})
	if !errors.Is(err, journal.ErrDiverged) {
		t.Errorf("error %v", err)
	}
}

// Traces come by bucket, in the order of names, page by page.
func TestTraces(t *testing.T) {
	l, _ := open(t, "NYDC")
	for i := range 500 {
		put(t, l, mdc.GroupKind(), group(fmt.Sprintf("g%03d", i), ""))
	}
	buckets := []int{journal.Bucket("g001"), journal.Bucket("g002"), -1, journal.Buckets}
	var all []journal.Trace
	must(t, l.View(t.Context(), func(v *journal.Snapshot) error {
		for after := ""; ; {
			page, err := v.Traces(mdc.GroupKind(), buckets, after, 2)
			if err != nil || len(page) == 0 {
				return err
			}
			all, after = append(all, page...), page[len(page)-1].Name
		}
	}))
	var want uint64
	must(t, l.View(t.Context(), func(v *journal.Snapshot) error {
		sums, err := v.BucketSums(mdc.GroupKind())
		want = sums[buckets[0]].Objects + sums[buckets[1]].Objects
		return err
	}))
	if uint64(len(all)) != want || !slices.IsSortedFunc(all, func(a, b journal.Trace) int { return strings.Compare(a.Name, b.Name) }) {
		t.Errorf("%d traces, want %d in order: %v", len(all), want, all)
	}
}
