package wire_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// TestJournalPageBinary: a page is read back as it was, and nothing that is cut short or goes on is taken for one.
func TestJournalPageBinary(t *testing.T) {
	t.Parallel()
	page := wire.JournalPage{Latest: 7, Records: []wire.JournalRecord{
		{Sequence: 6, Epoch: 2, EpochHolder: "NYDC", Time: time.Unix(5, 6).UTC(), Actor: "a", Kind: "group", Name: "g", Operation: "put", Body: []byte(`{}`), Digest: "d"},
		{Sequence: 7, Epoch: 2, EpochHolder: "NYDC", Time: time.Unix(5, 7).UTC(), Kind: "keyset", Name: "k", Operation: "put", Sealed: []byte{0, 1}, Digest: "e"},
	}}
	for _, p := range []wire.JournalPage{page, {Latest: 9, SnapshotFrom: "too old", Records: []wire.JournalRecord{}}} {
		b, err := wire.AppendJournalPage(nil, p)
		if err != nil {
			t.Fatal(err)
		}
		got, err := wire.ReadJournalPage(b)
		if diff := cmp.Diff(p, got); err != nil || diff != "" {
			t.Errorf("%v, %s", err, diff)
		}
		for n := range len(b) {
			if _, err := wire.ReadJournalPage(b[:n]); err == nil {
				t.Errorf("%d of %d bytes were taken for a page", n, len(b))
			}
		}
		if _, err := wire.ReadJournalPage(append(b, 0)); err == nil {
			t.Error("a byte too many was taken")
		}
	}
	if _, err := wire.ReadJournalPage([]byte{1, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}); err == nil {
		t.Error("a count without records was taken")
	}
}

// TestJournalPagesHaveABoundedNumberOfRecords: a partner's page of very many tiny records is refused before it takes memory
// (SEC-64).
func TestJournalPagesHaveABoundedNumberOfRecords(t *testing.T) {
	t.Parallel()
	for n, taken := range map[int]bool{1 << 16: true, 1<<16 + 1: false} {
		b, err := wire.AppendJournalPage(nil, wire.JournalPage{Records: slices.Repeat([]wire.JournalRecord{{Time: time.Unix(0, 0).UTC()}}, n)})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := wire.ReadJournalPage(b); (err == nil) != taken || !taken && len(got.Records) > 0 {
			t.Errorf("%d records: %d were read, %v", n, len(got.Records), err)
		}
	}
}

// TestSnapshotLineBinary: lines are read back one after the other; a long or a broken one is refused.
func TestSnapshotLineBinary(t *testing.T) {
	t.Parallel()
	lines := []wire.SnapshotLine{
		{Begin: &wire.SnapshotBegin{Epoch: 3, EpochHolder: "NYDC", Sequence: 12, Digest: "d"}},
		{Kind: "group", Name: "g", Body: []byte(`{"name":"g"}`)},
		{Kind: "keyset", Name: "k", Sealed: []byte("sealed")},
		{End: &wire.SnapshotEnd{Objects: 2}},
	}
	var all []byte
	for _, l := range lines {
		all = wire.AppendSnapshotLine(all, l)
	}
	r := bytes.NewReader(all)
	for _, want := range lines {
		got, err := wire.ReadSnapshotLine(r, 1<<10)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v, %s", err, diff)
		}
	}
	if _, err := wire.ReadSnapshotLine(r, 1<<10); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
	one := wire.AppendSnapshotLine(nil, lines[1])
	for n := 1; n < len(one); n++ {
		if _, err := wire.ReadSnapshotLine(bytes.NewReader(one[:n]), 1<<10); err == nil {
			t.Errorf("%d of %d bytes were taken for a line", n, len(one))
		}
	}
	for name, b := range map[string][]byte{"longer than the limit": append([]byte{0xff, 0x7f}, one...), "of an unknown mark": {1, 9}, "empty": {0}} {
		if _, err := wire.ReadSnapshotLine(bytes.NewReader(b), 1<<10); err == nil {
			t.Errorf("a line %s was taken", name)
		}
	}
}
