package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

const (
	pairsEach  = 4 // pairs of a writer
	maxWriters = 16
)

// ledger keeps what writers sent and what was acknowledged. Each writer changes pairs of groups of its own, both of a pair in
// one batch and to the same number, so that half a batch is seen.
type ledger struct {
	s *stage

	mu    sync.Mutex     // guards all below
	acked map[string]int // by pair: the last acknowledged number
	tried map[string]int // by pair: the last number that was sent
	fresh map[string]bool
	seen  uint64 // sequence up to which the changelog was read

	total atomic.Int64 // acknowledged
}

func newLedger(s *stage) *ledger {
	return &ledger{s: s, acked: map[string]int{}, tried: map[string]int{}, fresh: map[string]bool{}}
}

// write starts writers. With patience they go on after a refusal, else each ends at its first. stop joins them.
func (l *ledger) write(d *testkit.DataCenter, writers int, patience bool) (stop func()) {
	ctx, cancel := context.WithCancel(l.s.Context())
	var group sync.WaitGroup
	for w := range writers {
		api := d.Admin()
		group.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				if err := l.change(ctx, api, fmt.Sprintf("w%d-%d", w, i%pairsEach)); err != nil && !patience {
					return
				}
			}
		})
	}
	return func() { cancel(); group.Wait() }
}

// change gives a pair its next number.
func (l *ledger) change(ctx context.Context, api *client.Client, pair string) error {
	l.mu.Lock()
	n := l.tried[pair] + 1
	l.tried[pair] = n
	l.mu.Unlock()
	var b wire.Batch
	for _, half := range halves(pair) {
		body, err := json.Marshal(wire.Group{Name: half, Description: fmt.Sprint(n)})
		if err != nil {
			return err
		}
		b.Operations = append(b.Operations, wire.BatchOperation{Method: http.MethodPut, Kind: "group", Name: half, Body: body})
	}
	// What is on its way when the writers are stopped is waited for: its outcome counts.
	if _, err := api.Do(context.WithoutCancel(ctx), client.Request{Method: http.MethodPost, Path: "/v1/batch", In: b}); err != nil {
		return err
	}
	l.mu.Lock()
	l.acked[pair] = n
	l.fresh[fmt.Sprint(pair, "=", n)] = true
	l.mu.Unlock()
	l.total.Add(1)
	return nil
}

func halves(pair string) [2]string { return [2]string{pair + "-left", pair + "-right"} }

// check wants every acknowledged change in the objects and in the changelog, pairs whole, and sequences without a hole.
func (l *ledger) check(d *testkit.DataCenter) {
	l.s.Helper()
	l.objects(d)
	l.changes(d)
}

// objects wants each pair equal, and at a number that was acknowledged last or sent after that.
func (l *ledger) objects(d *testkit.DataCenter) {
	l.s.Helper()
	has := l.groups(d)
	l.mu.Lock()
	defer l.mu.Unlock()
	for pair, tried := range l.tried {
		h := halves(pair)
		left, right := has[h[0]], has[h[1]]
		if left != right {
			l.s.broke("%s: %s is torn: %d and %d", d.ClusterID, pair, left, right)
		}
		if left < l.acked[pair] {
			l.s.broke("%s: %s is at %d, acknowledged was %d", d.ClusterID, pair, left, l.acked[pair])
		}
		if left > tried {
			l.s.broke("%s: %s is at %d, nobody wrote more than %d", d.ClusterID, pair, left, tried)
		}
	}
}

func (l *ledger) groups(d *testkit.DataCenter) map[string]int {
	l.s.Helper()
	all, err := client.All[wire.GroupView](l.s.Context(), d.Admin(), "/v1/groups", url.Values{"limit": {"1000"}})
	if err != nil {
		l.s.Fatalf("list groups at %s: %v", d.ClusterID, err)
	}
	has := map[string]int{}
	for _, g := range all {
		n := 0
		_, _ = fmt.Sscan(g.Description, &n)
		has[g.Name] = n
	}
	return has
}

// changes reads the changelog on from where it was read last time.
func (l *ledger) changes(d *testkit.DataCenter) {
	l.s.Helper()
	counts, last, digest := map[string]int{}, wire.ChangelogRecord{}, ""
	for after := l.seen; ; {
		var page wire.Changelog
		d.Get(fmt.Sprintf("/v1/replication/changelog?after=%d&limit=1000", after), &page)
		for _, rec := range page.Items {
			if rec.Sequence != after+1 {
				l.s.broke("%s: record %d comes after %d", d.ClusterID, rec.Sequence, after)
			}
			l.whole(d, last, rec)
			counts[number(rec)]++
			after, last, digest = rec.Sequence, rec, rec.Digest
		}
		if len(page.Items) == 0 || after >= page.Latest {
			l.seen = after
			break
		}
	}
	if v := d.View(); v.LastSequence != l.seen || digest != "" && v.Digest != digest {
		l.s.broke("%s: stands at %d with %s, its changelog ends at %d with %s", d.ClusterID, v.LastSequence, v.Digest, l.seen, digest)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for change := range l.fresh {
		if counts[change] != 2 {
			l.s.broke("%s: %s was acknowledged and stands %d times in the changelog, not once for each half", d.ClusterID, change, counts[change])
		}
	}
	clear(l.fresh)
}

// whole wants the right half of a pair directly behind its left one.
func (l *ledger) whole(d *testkit.DataCenter, before, rec wire.ChangelogRecord) {
	l.s.Helper()
	var w, p int
	if n, _ := fmt.Sscanf(rec.Name, "w%d-%d-right", &w, &p); n != 2 || rec.Kind != "group" || rec.Name != halves(fmt.Sprintf("w%d-%d", w, p))[1] {
		return
	}
	if number(before) != number(rec) || before.Name != halves(fmt.Sprintf("w%d-%d", w, p))[0] {
		l.s.broke("%s: record %d is half a pair", d.ClusterID, rec.Sequence)
	}
}

// number is "pair=number" of a change of a pair's half.
func number(rec wire.ChangelogRecord) string {
	var g wire.Group
	if len(rec.Object) == 0 || json.Unmarshal(rec.Object, &g) != nil {
		return ""
	}
	var w, p int
	if n, _ := fmt.Sscanf(rec.Name, "w%d-%d-", &w, &p); n != 2 {
		return ""
	}
	return fmt.Sprintf("w%d-%d=%s", w, p, g.Description)
}
