package revocation_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session/revocation"
	"github.com/concord-access/terraform-provider-concord/server/store/badger"
)

var start = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// net joins logs in one process.
type net struct {
	t     *testing.T
	clock *clock.Manual
	logs  map[string]*revocation.Log
	sent  []revocation.Batch
}

func (n *net) open(id string) *revocation.Log {
	n.t.Helper()
	state, err := badger.Open(badger.Config{Dir: n.t.TempDir(), MemTableBytes: 8 << 20, CacheBytes: 1 << 20, Clock: n.clock, MinFree: -1})
	must(n.t, err)
	n.t.Cleanup(func() { _ = state.Close() })
	l, err := revocation.Open(context.Background(), revocation.Config{ClusterID: id, State: state, Partners: side{n, id}, Peers: side{n, id},
		Clock: n.clock, Logger: slog.New(slog.DiscardHandler), Applied: func(context.Context, []revocation.Entry) error { return nil }})
	must(n.t, err)
	n.logs[id] = l
	return l
}

func newNet(t *testing.T, ids ...string) *net {
	n := &net{t: t, clock: clock.NewManual(start), logs: map[string]*revocation.Log{}}
	for _, id := range ids {
		n.open(id)
	}
	return n
}

type side struct {
	n  *net
	id string
}

func (s side) List() (ids []string) {
	for id := range s.n.logs {
		if id != s.id {
			ids = append(ids, id)
		}
	}
	return ids
}

func (s side) SendRevocations(ctx context.Context, to string, b revocation.Batch) (map[string]uint64, error) {
	s.n.sent = append(s.n.sent, b)
	return s.n.logs[to].Receive(ctx, s.id, b)
}

func (s side) PullRevocations(ctx context.Context, to string, p revocation.Pull) (revocation.Batch, error) {
	return s.n.logs[to].Answer(ctx, s.id, p)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func sso(i int) string { return fmt.Sprintf("AAAAAAAAAAAAAAAAA%05d", i) }

func (n *net) add(id string, i int, life time.Duration) {
	n.t.Helper()
	now := n.clock.Now()
	_, err := n.logs[id].Add(context.Background(), revocation.Entry{Kind: revocation.KindSSO, Key: sso(i), At: now, ExpiresAt: now.Add(life)})
	must(n.t, err)
}

func (n *net) denies(id string, i int) bool {
	return n.logs[id].Denies(mdc.SSOID(sso(i)), "", time.Time{})
}

func (n *net) have(id string, want map[string]uint64) {
	n.t.Helper()
	if d := cmp.Diff(want, n.logs[id].Have()); d != "" {
		n.t.Errorf("what %s has (-want +got):\n%s", id, d)
	}
}

// FLT-11, FLT-14: a relayed entry denies and moves nothing; the origin's own batch closes the gap; repeats are harmless.
func TestRelayMovesNothing(t *testing.T) {
	n, ctx := newNet(t, "A", "B", "C"), context.Background()
	n.add("A", 1, time.Hour)
	n.add("A", 2, time.Hour)
	must(t, n.logs["A"].Push(ctx, "B"))
	n.have("B", map[string]uint64{"a": 2})
	must(t, n.logs["B"].Push(ctx, "C"))
	if !n.denies("C", 1) || !n.denies("C", 2) {
		t.Error("the relayed entries do not deny")
	}
	n.have("C", map[string]uint64{"b": 0})
	must(t, n.logs["A"].Push(ctx, "C"))
	n.have("C", map[string]uint64{"a": 2, "b": 0})
	must(t, n.logs["C"].CatchUp(ctx, "A"))
	n.have("C", map[string]uint64{"a": 2, "b": 0})
}

// A batch behind a gap denies, acknowledges nothing, and makes the sender start again.
func TestGapStartsAgain(t *testing.T) {
	n, ctx := newNet(t, "A", "B"), context.Background()
	n.add("A", 1, time.Hour)
	must(t, n.logs["A"].Push(ctx, "B"))
	n.open("B") // made anew
	n.add("A", 2, time.Hour)
	n.sent = nil
	must(t, n.logs["A"].Push(ctx, "B"))
	if !n.denies("B", 1) || !n.denies("B", 2) {
		t.Error("the new B lacks an entry")
	}
	n.have("B", map[string]uint64{"a": 2})
	if len(n.sent) != 2 || n.sent[0].After != 1 || n.sent[1].After != 0 {
		t.Errorf("sent %+v", n.sent)
	}
}

// Expired entries leave no hole: their numbers are covered by the batch's range, in a push and in a pull.
func TestExpiredLeaveNoHole(t *testing.T) {
	n, ctx := newNet(t, "A", "B", "C"), context.Background()
	n.add("A", 1, time.Hour)
	n.add("A", 2, time.Minute)
	n.add("A", 3, time.Hour)
	n.add("A", 4, time.Minute)
	n.clock.Advance(2 * time.Minute)
	n.logs["A"].Sweep()
	must(t, n.logs["C"].CatchUp(ctx, "A"))
	n.have("C", map[string]uint64{"a": 4})
	n.add("A", 5, time.Hour)
	must(t, n.logs["A"].Push(ctx, "B"))
	n.have("B", map[string]uint64{"a": 5})
	for i, denied := range map[int]bool{1: true, 2: false, 3: true, 4: false, 5: true} {
		if n.denies("B", i) != denied {
			t.Errorf("entry %d: denied %v", i, !denied)
		}
	}
}

// An origin that lost its log uses sequences again: its new entries count, pushed and pulled.
func TestOriginRestored(t *testing.T) {
	n, ctx := newNet(t, "A", "B"), context.Background()
	for i := range 5 {
		n.add("A", i, time.Hour)
	}
	must(t, n.logs["A"].Push(ctx, "B"))
	n.open("A")
	n.add("A", 10, time.Hour)
	must(t, n.logs["B"].CatchUp(ctx, "A"))
	if !n.denies("B", 10) {
		t.Error("not pulled")
	}
	n.add("A", 11, time.Hour)
	must(t, n.logs["A"].Push(ctx, "B"))
	must(t, n.logs["A"].CatchUp(ctx, "B"))
	if !n.denies("B", 11) || !n.denies("A", 3) {
		t.Error("not pushed, or A did not get its own old entries back")
	}
}

// Many entries go in pages and batches.
func TestPages(t *testing.T) {
	n, ctx := newNet(t, "A", "B", "C"), context.Background()
	const count = 2*revocation.MaxBatch + 7
	for from := 0; from < count; from += revocation.MaxBatch {
		b := revocation.Batch{}
		for i := from; i < min(count, from+revocation.MaxBatch); i++ {
			b.Entries = append(b.Entries, revocation.Entry{Origin: "Z", Sequence: uint64(i + 1), Kind: revocation.KindSSO, Key: sso(i), At: start, ExpiresAt: start.Add(time.Hour)})
		}
		_, err := n.logs["A"].Receive(ctx, "C", b)
		must(t, err)
	}
	must(t, n.logs["B"].CatchUp(ctx, "A"))
	must(t, n.logs["A"].Push(ctx, "C"))
	for i := range count {
		if !n.denies("B", i) || !n.denies("C", i) {
			t.Fatalf("entry %d is missing", i)
		}
	}
}

// A partner cannot send what no data center makes, nor lock a user out for years.
func TestReceiveRefuses(t *testing.T) {
	n, ctx := newNet(t, "A", "B"), context.Background()
	good := revocation.Entry{Origin: "B", Sequence: 1, Kind: revocation.KindUserNotBefore, Key: "people/ann", At: start, ExpiresAt: start.Add(time.Hour)}
	for name, edit := range map[string]func(*revocation.Entry){
		"kind":     func(e *revocation.Entry) { e.Kind = "all" },
		"origin":   func(e *revocation.Entry) { e.Origin = "../x" },
		"sequence": func(e *revocation.Entry) { e.Sequence = 0 },
		"user":     func(e *revocation.Entry) { e.Key = "people/ann/x" },
		"case":     func(e *revocation.Entry) { e.Key = "people/Ann" },
		"sso id":   func(e *revocation.Entry) { e.Kind, e.Key = revocation.KindSSO, "short" },
	} {
		bad := good
		edit(&bad)
		if _, err := n.logs["A"].Receive(ctx, "B", revocation.Batch{Entries: []revocation.Entry{bad}}); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	good.At, good.ExpiresAt = start.AddDate(10, 0, 0), start.AddDate(20, 0, 0)
	_, err := n.logs["A"].Receive(ctx, "B", revocation.Batch{Through: 1, Entries: []revocation.Entry{good}})
	must(t, err)
	if at := n.logs["A"].NotBefore("people/ann"); at.After(start.Add(revocation.Skew)) {
		t.Errorf("not before %s", at)
	}
}
