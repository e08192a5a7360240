package audit_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/server/audit"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/store/badger"
)

// world is both chains on a real store.
type world struct {
	*testing.T
	clock         *clock.Manual
	store         *badger.Store
	acts, runtime *audit.Log
	trail         audit.Trail
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, clock: clock.NewManual(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC))}
	var err error
	w.store, err = badger.Open(badger.Config{Dir: t.TempDir(), MemTableBytes: 8 << 20, CacheBytes: 1 << 20, Clock: w.clock, MinFree: -1})
	w.must(err)
	t.Cleanup(func() { w.must(w.store.Close()) })
	c := audit.Config{ClusterID: "NYDC", NodeName: "ny1", Chain: audit.Acts, Key: []byte("key outside of the database"), Clock: w.clock}
	w.acts = audit.Open(c)
	c.Chain = audit.Runtime
	w.runtime = audit.Open(c)
	w.trail = audit.Trail{Acts: w.acts, Runtime: w.runtime, ActsStore: w.store, RuntimeStore: w.store}
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) update(fn func(store.Writer) error) {
	w.Helper()
	w.must(w.store.Update(w.Context(), fn))
}

func (w *world) write(l *audit.Log, events ...audit.Event) {
	w.Helper()
	w.update(func(tx store.Writer) error {
		for _, e := range events {
			if err := l.Append(tx, e); err != nil {
				return err
			}
		}
		return nil
	})
}

// all reads everything that a query chooses, page by page.
func (w *world) all(q audit.Query) (out []audit.Record, pages int) {
	w.Helper()
	for from := q.Start(); ; pages++ {
		p, err := w.trail.Search(w.Context(), q, from)
		w.must(err)
		if len(p.Records) > q.Limit {
			w.Fatalf("%d records for a limit of %d", len(p.Records), q.Limit)
		}
		out = append(out, p.Records...)
		if p.Done {
			return out, pages + 1
		}
		if p.End == from {
			w.Fatalf("the search does not move from %+v", from)
		}
		from = p.End
	}
}

func (w *world) recorder(d audit.Decisions, s store.Store) *audit.Recorder {
	w.Helper()
	r, err := audit.NewRecorder(audit.RecorderConfig{Log: w.runtime, Store: s, Clock: w.clock, Logger: slog.New(slog.DiscardHandler), Decisions: d})
	w.must(err)
	return r
}
