package app_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/app"
)

// TestReadsEverySnapshot: a clone reads what masters of this and of earlier versions send, and refuses what it did not
// ask for.
func TestReadsEverySnapshot(t *testing.T) {
	t.Parallel()
	text := []byte(`{"begin":{"epoch":1,"epoch_holder":"NYDC","sequence":2,"digest":"d"}}` + "\n" + `{"kind":"group","name":"g","body":{"name":"g"}}` + "\n" + `{"end":{"objects":1}}` + "\n")
	want := []wire.SnapshotLine{{Begin: &wire.SnapshotBegin{Epoch: 1, EpochHolder: "NYDC", Sequence: 2, Digest: "d"}}, {Kind: "group", Name: "g", Body: []byte(`{"name":"g"}`)}, {End: &wire.SnapshotEnd{Objects: 1}}}
	var binary []byte
	for _, l := range want {
		binary = wire.AppendSnapshotLine(binary, l)
	}
	zip, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer zip.Close()
	const ndjson = "application/x-ndjson"
	for name, c := range map[string]struct {
		kind, coding string
		body         []byte
		refused      bool
	}{
		"JSON":                           {kind: ndjson, body: text},
		"JSON packed by gzip":            {kind: ndjson, coding: "gzip", body: gzipped(t, text)},
		"the binary form":                {kind: wire.SnapshotType, body: binary},
		"the binary form as zstd":        {kind: wire.SnapshotType, coding: "zstd", body: zip.EncodeAll(binary, nil)},
		"the binary form, cut short":     {kind: wire.SnapshotType, coding: "zstd", body: zip.EncodeAll(binary[:len(binary)-1], nil), refused: true},
		"a coding that nobody asked for": {kind: ndjson, coding: "br", body: text, refused: true},
		"something else than gzip":       {kind: ndjson, coding: "gzip", body: text, refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := app.ReadSnapshot(&http.Response{Header: http.Header{"Content-Type": {c.kind}, "Content-Encoding": {c.coding}}, Body: io.NopCloser(bytes.NewReader(c.body))})
			if (err != nil) != c.refused {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); !c.refused && diff != "" {
				t.Error(diff)
			}
		})
	}
}

func gzipped(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(b)
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
