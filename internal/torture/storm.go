package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"sync"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// storm writes new groups at every data center at once, whoever is the master, and keeps who acknowledged what.
type storm struct {
	s       *stage
	centers []*testkit.DataCenter

	at map[place]string // what stands where, in all journals and conflict files
	by map[string]place // likewise, by group

	mu    sync.Mutex        // guards all below
	acked map[string]string // group -> cluster id of who acknowledged it
	next  int
}

func newStorm(s *stage, centers ...*testkit.DataCenter) *storm {
	return &storm{s: s, centers: centers, acked: map[string]string{}, at: map[place]string{}, by: map[string]place{}}
}

// begin writes until stop is called.
func (w *storm) begin() (stop func()) {
	ctx, cancel := context.WithCancel(w.s.Context())
	var busy sync.WaitGroup
	for _, d := range w.centers {
		api := d.Admin()
		busy.Go(func() {
			for ctx.Err() == nil {
				w.write(ctx, api, d.ClusterID)
			}
		})
	}
	return func() { cancel(); busy.Wait() }
}

func (w *storm) write(ctx context.Context, api *client.Client, by string) {
	w.mu.Lock()
	w.next++
	name := fmt.Sprintf("s%d", w.next)
	w.mu.Unlock()
	if _, err := api.Do(context.WithoutCancel(ctx), putGroup(name)); err != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.acked[name] = by
}

// count is how many were acknowledged by a data center.
func (w *storm) count(by string) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, who := range w.acked {
		if who == by {
			n++
		}
	}
	return n
}

// place is where a record stands: two masters never write the same one.
type place struct {
	epoch    uint64
	holder   string
	sequence uint64
}

// absorb reads the journals: a data center that takes a whole copy begins its own anew.
func (w *storm) absorb() {
	w.s.Helper()
	for _, d := range w.centers {
		var hello wire.ReplicationHello
		d.Get("/v1/replication/hello", &hello)
		for after := hello.JournalAfter; after < hello.Sequence; {
			var page wire.Changelog
			if _, err := d.Do(client.Request{Method: http.MethodGet, Path: fmt.Sprintf("/v1/replication/changelog?after=%d&limit=1000", after), Out: &page}); err != nil {
				break // it has taken a copy meanwhile
			}
			for _, r := range page.Items {
				w.enter(place{r.Epoch, r.EpochHolder, r.Sequence}, r.Name)
				after = r.Sequence
			}
			if len(page.Items) == 0 {
				break
			}
		}
	}
}

func (w *storm) enter(p place, name string) {
	w.s.Helper()
	if other, ok := w.at[p]; ok && other != name {
		w.s.broke("sequence %d of epoch %d of %s is both %s and %s", p.sequence, p.epoch, p.holder, other, name)
	}
	w.at[p], w.by[name] = name, p
}

// judge wants everything that was acknowledged among the objects, in an epoch of the one that acknowledged it, or in a conflict
// file, likewise; and no place in a journal that two data centers filled differently. It gives how many are in such files.
func (w *storm) judge(master *testkit.DataCenter) (conflicting int) {
	w.s.Helper()
	w.absorb()
	kept, has := w.conflicts(), groupNames(w.s, master)
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, who := range w.acked {
		p, found := w.by[name]
		switch {
		case found && p.holder != who:
			w.s.broke("%s was acknowledged by %s and stands in an epoch of %s", name, who, p.holder)
		case !has[name] && !kept[name]:
			w.s.broke("%s was acknowledged by %s and is lost", name, who)
		case has[name] && kept[name]:
			w.s.broke("%s lost against a promotion and is there all the same", name)
		case kept[name]:
			conflicting++
		}
	}
	return conflicting
}

// conflicts reads every conflict file of every data center.
func (w *storm) conflicts() map[string]bool {
	w.s.Helper()
	kept := map[string]bool{}
	for _, d := range w.centers {
		for _, c := range conflictFiles(d) {
			if !c.Complete {
				w.s.broke("%s: the conflict file %s is not complete", d.ClusterID, c.ID)
			}
			for after := uint64(0); ; {
				var page wire.ConflictView
				d.Get(client.Path("v1", "replication", "conflicts", c.ID)+fmt.Sprintf("?after=%d", after), &page)
				for _, r := range page.Changes {
					kept[r.Name] = true
					w.enter(place{c.Epoch, c.EpochHolder, r.Sequence}, r.Name)
				}
				if after = page.NextAfter; after == 0 {
					break
				}
			}
		}
	}
	return kept
}

func conflictFiles(d *testkit.DataCenter) []wire.Conflict {
	var page wire.Page[wire.Conflict]
	d.Get("/v1/replication/conflicts", &page)
	return page.Items
}

func groupNames(s *stage, d *testkit.DataCenter) map[string]bool {
	s.Helper()
	all, err := client.All[json.RawMessage](s.Context(), d.Admin(), "/v1/groups", url.Values{"limit": {"1000"}})
	if err != nil {
		s.Fatalf("list groups at %s: %v", d.ClusterID, err)
	}
	names := map[string]bool{}
	for _, raw := range all {
		var g wire.Group
		if err := json.Unmarshal(raw, &g); err != nil {
			s.Fatal(err)
		}
		names[g.Name] = true
	}
	return names
}
