package journal_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// TestRecordForms: a record is read back from the present form and from the former one, JSON; a part of one is refused.
func TestRecordForms(t *testing.T) {
	t.Parallel()
	for name, rec := range map[string]journal.Record{
		"put": {Sequence: 1 << 40, Epoch: mdc.Epoch{Number: 3, ClusterID: "NYDC"}, Time: time.Date(2026, 11, 27, 20, 0, 0, 123_456_789, time.UTC),
			Actor: "token:a", Kind: "group", Name: "staff", Operation: journal.Put, Body: []byte(`{"name":"staff"}`), Digest: "00ff"},
		"delete": {Sequence: 1, Epoch: mdc.Epoch{Number: 1, ClusterID: "LDC"}, Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600)),
			Kind: "user", Name: "ann", Operation: journal.Delete, Digest: "aa"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, err := journal.EncodeRecord(rec)
			must(t, err)
			former, err := json.Marshal(rec)
			must(t, err)
			for _, form := range [][]byte{b, former} {
				got, err := journal.DecodeRecord(form)
				must(t, err)
				if diff := cmp.Diff(rec, got); diff != "" {
					t.Error(diff)
				}
			}
			for n := range len(b) {
				if _, err := journal.DecodeRecord(b[:n]); err == nil {
					t.Errorf("%d of %d bytes were taken for a record", n, len(b))
				}
			}
			if _, err := journal.DecodeRecord(append(b, 0)); err == nil {
				t.Error("a byte too many was taken")
			}
		})
	}
}
