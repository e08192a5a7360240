package httpapi_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/httpapi"
)

// TestSnapshotForms: a clone of an earlier version gets lines of JSON, packed by gzip or not; one of this version gets
// what costs both less.
func TestSnapshotForms(t *testing.T) {
	t.Parallel()
	lines := []wire.SnapshotLine{{Begin: &wire.SnapshotBegin{Epoch: 1, EpochHolder: "NYDC", Sequence: 2, Digest: "d"}},
		{Kind: "group", Name: "g", Body: []byte(`{"name":"g"}`)}, {Kind: "keyset", Name: "k", Sealed: []byte("box")}, {End: &wire.SnapshotEnd{Objects: 2}}}
	for name, c := range map[string]struct{ accept, codings, kind, coding string }{
		"of an earlier version":        {"application/json, " + wire.ProblemType, "gzip", "application/x-ndjson", "gzip"},
		"that takes nothing packed":    {"", "", "application/x-ndjson", ""},
		"of this version":              {wire.SnapshotType + ", application/x-ndjson", "zstd, gzip", wire.SnapshotType, "zstd"},
		"behind something that unzips": {wire.SnapshotType, "gzip", wire.SnapshotType, "gzip"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := httptest.NewRecorder()
			if err := httpapi.WriteSnapshot(w, c.accept, c.codings, lines...); err != nil {
				t.Fatal(err)
			}
			if kind, coding := w.Header().Get("Content-Type"), w.Header().Get("Content-Encoding"); kind != c.kind || coding != c.coding {
				t.Fatalf("got %q in %q", kind, coding)
			}
			if diff := cmp.Diff(lines, readSnapshot(t, unpacked(t, w.Body, c.coding), c.kind == wire.SnapshotType)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func unpacked(t *testing.T, in io.Reader, coding string) io.Reader {
	t.Helper()
	var err error
	switch coding {
	case "gzip":
		in, err = gzip.NewReader(in)
	case "zstd":
		var zip *zstd.Decoder
		zip, err = zstd.NewReader(in)
		t.Cleanup(zip.Close)
		in = zip
	}
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func readSnapshot(t *testing.T, in io.Reader, binary bool) (out []wire.SnapshotLine) {
	t.Helper()
	r := bufio.NewReader(in)
	text := json.NewDecoder(r)
	for {
		var l wire.SnapshotLine
		var err error
		if binary {
			l, err = wire.ReadSnapshotLine(r, 1<<20)
		} else {
			err = text.Decode(&l)
		}
		if err == io.EOF { //nolint:errorlint // as readers give it
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, l)
	}
}

// TestJournalPageForms: only a clone that names the binary form gets it.
func TestJournalPageForms(t *testing.T) {
	t.Parallel()
	page := wire.JournalPage{Latest: 3, Records: []wire.JournalRecord{{Sequence: 3, Epoch: 1, EpochHolder: "NYDC", Kind: "group", Name: "g", Operation: "put", Body: []byte(`{}`), Digest: "d"}}}
	for accept, binary := range map[string]bool{"application/json, " + wire.ProblemType: false, "": false, wire.JournalPageType + ", application/json": true} {
		w := httptest.NewRecorder()
		if err := httpapi.AnswerPage(w, accept, page); err != nil {
			t.Fatal(err)
		}
		var got wire.JournalPage
		var err error
		if binary {
			got, err = wire.ReadJournalPage(w.Body.Bytes())
		} else {
			err = json.Unmarshal(w.Body.Bytes(), &got)
		}
		if diff := cmp.Diff(page, got); err != nil || diff != "" || binary != (w.Header().Get("Content-Type") == wire.JournalPageType) {
			t.Errorf("for %q: %v, %q, %s", accept, err, w.Header(), diff)
		}
	}
}
