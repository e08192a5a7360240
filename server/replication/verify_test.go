package replication_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/replication"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

func (s sources) Digests(ctx context.Context, source, agreement string, q replication.Question) (replication.Digests, error) {
	master, err := s.l.reach(s.self, source)
	if err != nil {
		return replication.Digests{}, err
	}
	s.l.mu.Lock()
	s.l.asked = append(s.l.asked, q)
	ask := s.l.ask
	s.l.mu.Unlock()
	if ask != nil {
		ask()
	}
	return master.feed.Digests(ctx, replication.Caller{ClusterID: s.self}, agreement, q)
}

func (s sources) Objects(ctx context.Context, source, agreement, kind string, names []string) (replication.Objects, error) {
	master, err := s.l.reach(s.self, source)
	if err != nil {
		return replication.Objects{}, err
	}
	out, err := master.feed.Objects(ctx, replication.Caller{ClusterID: s.self}, agreement, kind, names)
	s.l.mu.Lock()
	defer s.l.mu.Unlock()
	s.l.fetched += len(out.Items)
	return out, err
}

// damage writes to the store behind the journal's back, as a failing disk or a curious person would.
func (s *site) damage(kind, name, value string) {
	s.t.Helper()
	var prefix []byte
	must(s.t, s.store.View(s.t.Context(), func(r store.Reader) error {
		return r.Range(store.Span{Prefix: []byte("c/g/")}, func(k, _ []byte) error {
			prefix = k[:len("c/g/")+8] // of the only generation: a copy has removed the former one
			return nil
		})
	}))
	key := append(append([]byte(nil), prefix...), kind+"\x00"+name...)
	must(s.t, s.store.Update(s.t.Context(), func(w store.Writer) error {
		if value == "" {
			return w.Delete(key)
		}
		return w.Put(key, []byte(value), 0)
	}))
}

func (s *site) verify(repair bool) replication.Verification {
	s.t.Helper()
	v, err := s.follower.Verify(s.t.Context(), "ny-ld", repair)
	must(s.t, err)
	return v
}

func verdict(v replication.Verification, kind string) replication.KindVerdict {
	for _, k := range v.Kinds {
		if k.Kind == kind {
			return k
		}
	}
	return replication.KindVerdict{}
}

// Proves OAM-L8 (a digest check between master and clone) and FLT-07 (a clone heals itself): what differs is found down to
// the object without sending everything, exactly that is fetched, and the position stays.
func TestVerifyAndRepair(t *testing.T) {
	for name, c := range map[string]struct {
		damage  func(clone *site)
		differs map[string]uint64
		first   string
		fetched int
	}{
		"nothing": {func(*site) {}, nil, "", 0},
		"one object changed": {func(clone *site) { clone.damage("group", "g150", `{"name":"g150","description":"other"}`) },
			map[string]uint64{"group": 1}, "g150", 1},
		"one object lost, one too many": {func(clone *site) {
			clone.damage("group", "g3", "")
			clone.damage("group", "g0x", `{"name":"g0x"}`)
		}, map[string]uint64{"group": 2}, "g0x", 1},
		"a secret that cannot be opened": {func(clone *site) { clone.damage("keyset", "code", "garbage") },
			map[string]uint64{"keyset": 1}, "", 1},
		"two kinds": {func(clone *site) {
			clone.damage("group", "g7", "{}")
			clone.damage("data_center_key", "ldc", "")
		}, map[string]uint64{"group": 1, "data_center_key": 1}, "g7", 2},
	} {
		t.Run(name, func(t *testing.T) {
			l, master, clone := pair(t)
			master.groups(0, 300)
			master.put(mdc.KeysetKind(), &mdc.Keyset{Purpose: mdc.PurposeCode, Keyset: []byte("secret")})
			agree(master, clone, "ny-ld", nil)
			bootstrap(t, clone, "ny-ld")
			clone.reaches(master)
			at := clone.position()
			c.damage(clone)

			v := clone.verify(false)
			if v.Equal != (len(c.differs) == 0) || v.Repaired != 0 || v.At != at {
				t.Errorf("verified %+v", v)
			}
			for _, k := range v.Kinds {
				if k.Equal != (c.differs[k.Kind] == 0) || k.Differing != c.differs[k.Kind] {
					t.Errorf("kind %+v, want %d to differ", k, c.differs[k.Kind])
				}
			}
			if got := verdict(v, "group").First; got != c.first {
				t.Errorf("first group that differs %q, want %q", got, c.first)
			}
			if len(l.asked) > 2+3*len(c.differs) || len(c.differs) == 0 && len(l.asked) != 1 {
				t.Errorf("%d questions", len(l.asked))
			}
			v = clone.verify(true)
			if !v.Equal || l.fetched != c.fetched || l.snapshots("LDC") != 1 {
				t.Errorf("repaired %+v with %d objects fetched and %d copies", v, l.fetched, l.snapshots("LDC"))
			}
			if diff := cmp.Diff(master.items(), clone.items()); diff != "" || clone.position() != at {
				t.Errorf("at %+v, want %+v\n%s", clone.position(), at, diff)
			}
			master.groups(0, 5) // what was repaired is a sound base for what follows
			clone.reaches(master)
			if v := clone.verify(false); !v.Equal {
				t.Errorf("after more changes: %+v", v)
			}
		})
	}
}

// A verification beside a busy master comes to its verdict, and a repair does not disturb what is applied meanwhile.
func TestVerifyUnderLoad(t *testing.T) {
	_, master, clone := pair(t)
	master.groups(0, 100)
	agree(master, clone, "ny-ld", nil)
	bootstrap(t, clone, "ny-ld")
	clone.reaches(master)
	clone.damage("group", "g99", `{"name":"g99"}`)
	stop, done := make(chan struct{}), sync.WaitGroup{}
	done.Go(func() {
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-tick.C:
				master.groups(i%50, i%50+1)
			}
		}
	})
	v := clone.verify(true)
	close(stop)
	done.Wait()
	if !v.Equal || v.Repaired != 1 || verdict(v, "group").First != "g99" {
		t.Errorf("repaired %+v", v)
	}
	clone.reaches(master)
	if diff := cmp.Diff(master.items(), clone.items()); diff != "" {
		t.Error(diff)
	}
}

// What changes between the two sides' answers is no difference: neither side stands still for a verification.
func TestVerifyWhileObjectsChange(t *testing.T) {
	l, master, clone := pair(t)
	master.groups(0, 100)
	agree(master, clone, "ny-ld", nil)
	bootstrap(t, clone, "ny-ld")
	clone.reaches(master)
	n := 0
	l.mu.Lock()
	l.ask = func() {
		n++
		master.put(mdc.GroupKind(), &mdc.Group{Name: "g5", Description: fmt.Sprint(n)}, &mdc.Group{Name: fmt.Sprintf("new%d", n)})
		master.update(func(tx *journal.Tx) error { return tx.Delete(mdc.GroupKind(), fmt.Sprintf("g%d", 10+n), "test") })
	}
	l.mu.Unlock()
	if v := clone.verify(true); !v.Equal || v.Repaired != 0 || n < 3 {
		t.Errorf("after %d changes: %+v", n, v)
	}
	clone.damage("group", "g6", `{"name":"g6","description":"damaged"}`)
	if v := clone.verify(true); !v.Equal || v.Repaired != 1 || verdict(v, "group").First != "g6" {
		t.Errorf("repaired %+v", v)
	}
}

// Refusals of a verification say what to do.
func TestVerifyRefuses(t *testing.T) {
	l, master, clone := pair(t)
	agree(master, clone, "ny-ld", nil)
	bootstrap(t, clone, "ny-ld")
	_, err := clone.follower.Verify(t.Context(), "other", false)
	wantCode(t, err, "not_found")
	_, err = master.follower.Verify(t.Context(), "ny-ld", false)
	wantCode(t, err, "not_found")
	clone.stop()
	master.groups(0, 3)
	_, err = clone.follower.Verify(t.Context(), "ny-ld", false)
	wantCode(t, err, "not_in_step")
	clone.run()
	clone.enable("ny-ld", false)
	_, err = clone.follower.Verify(t.Context(), "ny-ld", false)
	wantCode(t, err, "agreement_disabled")
	wantCode(t, clone.follower.PullNow(t.Context(), "ny-ld"), "agreement_disabled")
	clone.enable("ny-ld", true)
	clone.reaches(master)
	must(t, clone.follower.PullNow(t.Context(), "ny-ld"))
	l.setCut("LDC", true)
	must(t, clone.follower.PullNow(t.Context(), "ny-ld")) // the outcome is in the status
	if st := clone.status(); !strings.Contains(st.LastError, "refused") {
		t.Errorf("status %+v", st)
	}
	stranger := newSite(t, l, "TDC", clock.System{})
	_, err = master.feed.Digests(t.Context(), replication.Caller{ClusterID: stranger.id}, "ny-ld", replication.Question{})
	wantCode(t, err, "no_agreement")
	_, err = master.feed.Objects(t.Context(), replication.Caller{ClusterID: stranger.id}, "ny-ld", "group", []string{"g0"})
	wantCode(t, err, "no_agreement")
	_, err = master.feed.Objects(t.Context(), replication.Caller{ClusterID: "LDC"}, "ny-ld", "group", make([]string, 501))
	wantCode(t, err, "too_many_names")
	_, err = master.feed.Objects(t.Context(), replication.Caller{ClusterID: "LDC"}, "ny-ld", "partner", []string{"g0"})
	wantCode(t, err, "unknown_kind")
}

// Proves FLT-15: a clone that is older than the journal takes exactly one copy by itself, serves what it had until then,
// and says meanwhile that it is stale.
func TestOlderThanJournal(t *testing.T) {
	l, master, clone := pair(t)
	master.groups(0, 10)
	agree(master, clone, "ny-ld", nil)
	bootstrap(t, clone, "ny-ld")
	clone.reaches(master)
	clone.stop()
	before, at := clone.items(), clone.position()
	master.groups(5, 40)
	_, err := master.log.Prune(t.Context(), journal.Retention{KeepRecords: 3})
	must(t, err)
	gate, reached := make(chan struct{}), make(chan struct{})
	once := sync.Once{}
	l.alter(nil, func(*replication.Item) error {
		once.Do(func() { close(reached); <-gate })
		return nil
	})
	clone.run()
	<-reached
	if st := clone.status(); st.State != mdc.AgreementStale || st.Healthy || !strings.Contains(st.Reason, "no longer") {
		t.Errorf("while it copies: %+v", st)
	}
	if diff := cmp.Diff(before, clone.items()); diff != "" || clone.position() != at {
		t.Errorf("the old copy was touched: %s", diff)
	}
	var writes sync.WaitGroup
	writes.Go(func() { // the master does not wait
		for i := range 20 {
			master.put(mdc.GroupKind(), &mdc.Group{Name: fmt.Sprintf("late%d", i)})
		}
	})
	close(gate)
	writes.Wait()
	clone.inState(mdc.AgreementReady)
	clone.reaches(master)
	if n := l.snapshots("LDC"); n != 2 {
		t.Errorf("%d copies, want the first and one more", n)
	}
	if diff := cmp.Diff(master.items(), clone.items()); diff != "" {
		t.Error(diff)
	}
}
