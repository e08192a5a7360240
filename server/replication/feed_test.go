package replication_test

import (
	"bytes"
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/replication"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// Journal and snapshot are for the target of an enabled agreement only.
func TestFeedAdmits(t *testing.T) {
	_, master, clone := pair(t)
	clone.stop()
	agree(master, clone, "ny-ld", nil)
	for name, c := range map[string]struct{ caller, agreement, code string }{
		"target":            {"LDC", "ny-ld", ""},
		"target, folded":    {"ldc", "ny-ld", ""},
		"somebody else":     {"TDC", "ny-ld", "no_agreement"},
		"nobody":            {"", "ny-ld", "no_agreement"},
		"another agreement": {"LDC", "ny-to", "no_agreement"},
		"no agreement":      {"LDC", "", "no_agreement"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := master.feed.Journal(t.Context(), replication.Caller{ClusterID: c.caller}, c.agreement, mdc.Position{}, 0)
			wantCode(t, err, c.code)
			_, err = master.feed.Snapshot(t.Context(), replication.Caller{ClusterID: c.caller}, c.agreement,
				func(mdc.Position) error { return nil }, func(replication.Item) error { return nil })
			wantCode(t, err, c.code)
		})
	}
	_, err := clone.feed.Journal(t.Context(), replication.Caller{ClusterID: "LDC"}, "ny-ld", mdc.Position{}, 0)
	wantCode(t, err, "no_agreement") // the clone's half opens nothing
	master.enable("ny-ld", false)
	_, err = master.feed.Journal(t.Context(), replication.Caller{ClusterID: "LDC"}, "ny-ld", mdc.Position{}, 0)
	wantCode(t, err, "agreement_disabled")
}

// A change is on its way as soon as the store has it: a long poll is answered while the writer still waits for its own answer.
func TestShippedBeforeAnswered(t *testing.T) {
	_, master, clone := pair(t)
	clone.stop()
	agree(master, clone, "ny-ld", nil)
	var hold atomic.Pointer[chan struct{}]
	master.log.OnChange(func([]journal.Change) { // called before the writer is answered and before the journal tells of the change
		if h := hold.Load(); h != nil {
			select {
			case <-*h:
			case <-time.After(patience):
			}
		}
	})
	early := make(chan bool, 1)
	for round := 0; ; round++ {
		answered := make(chan struct{})
		at := master.position()
		go func() {
			defer close(answered)
			_, _ = master.feed.Journal(context.Background(), replication.Caller{ClusterID: "LDC"}, "ny-ld", at, patience)
		}()
		hold.Store(&answered)
		go func() {
			began := time.Now()
			master.groups(round, round+1)
			early <- time.Since(began) < patience
		}()
		if <-early {
			return
		}
		hold.Store(nil) // the watch of the store had not begun
		<-answered
		if round == 2 {
			t.Fatal("no question was answered before the writer")
		}
	}
}

// Proves that a question waits for news, and ends with its context, its time, the agreement, or the server.
func TestLongPoll(t *testing.T) {
	start := func(t *testing.T, ctx context.Context) (*site, chan replication.Page, chan error) {
		_, master, clone := pair(t)
		clone.stop()
		agree(master, clone, "ny-ld", nil)
		pages, errs := make(chan replication.Page, 1), make(chan error, 1)
		at := master.position()
		go func() {
			page, err := master.feed.Journal(ctx, replication.Caller{ClusterID: "LDC"}, "ny-ld", at, time.Hour)
			if err != nil {
				errs <- err
				return
			}
			pages <- page
		}()
		eventually(t, "the question", func() bool {
			st, err := master.feed.Status(t.Context())
			return err == nil && !st[0].LastSuccess.IsZero()
		})
		return master, pages, errs
	}
	t.Run("news", func(t *testing.T) {
		master, pages, _ := start(t, t.Context())
		master.put(mdc.PartnerKind(), &mdc.Partner{ClusterID: "TDC", AgentID: "a", Primary: []string{"t:1"}}) // local: no news
		master.groups(0, 1)
		if page := <-pages; len(page.Records) != 1 || page.Records[0].Name != "g0" || page.Latest != page.Records[0].Sequence {
			t.Errorf("page %+v", page)
		}
	})
	t.Run("context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		_, _, errs := start(t, ctx)
		cancel()
		if err := <-errs; err != context.Canceled {
			t.Errorf("error %v", err)
		}
	})
	t.Run("agreement disabled", func(t *testing.T) {
		master, _, errs := start(t, t.Context())
		master.enable("ny-ld", false)
		wantCode(t, <-errs, "agreement_disabled")
	})
	t.Run("server stops", func(t *testing.T) {
		master, pages, _ := start(t, t.Context())
		master.stopFeed()
		if page := <-pages; len(page.Records) != 0 || page.SnapshotFrom != "" {
			t.Errorf("page %+v", page)
		}
	})
}

// Proves OAM-54 (state of replication at the master): state, lag and digest follow what the clone shows, over a restart.
func TestFeedStatus(t *testing.T) {
	l := newLink()
	clk := clock.NewManual(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	master, clone := newSite(t, l, "NYDC", clk), newSite(t, l, "LDC", clk)
	clone.stop()
	agree(master, clone, "ny-ld", nil)
	one := func() replication.Status {
		t.Helper()
		st, err := master.feed.Status(t.Context())
		must(t, err)
		return st[0]
	}
	if st := one(); st.State != mdc.AgreementBootstrapping || st.Healthy || st.DigestEqual != nil {
		t.Errorf("before the first question %+v", st)
	}
	at := master.position()
	_, err := master.feed.Journal(t.Context(), replication.Caller{ClusterID: "LDC"}, "ny-ld", at, 0)
	must(t, err)
	if st := one(); st.State != mdc.AgreementReady || !st.Healthy || st.LagEntries != 0 || st.LagSeconds != 0 {
		t.Errorf("in step %+v", st)
	}
	master.groups(0, 3)
	clk.Advance(7 * time.Second)
	if st := one(); st.LagEntries != 3 || st.LagSeconds != 7 || st.AppliedSequence != at.Sequence {
		t.Errorf("behind %+v", st)
	}
	master.reopen()
	if st := one(); st.LagEntries != 3 || st.State != mdc.AgreementReady {
		t.Errorf("after a restart %+v", st)
	}
	clk.Advance(time.Hour)
	if st := one(); st.State != mdc.AgreementStale || st.Healthy {
		t.Errorf("silent %+v", st)
	}
	page, err := master.feed.Journal(t.Context(), replication.Caller{ClusterID: "LDC"}, "ny-ld", mdc.Position{Epoch: at.Epoch, Sequence: at.Sequence, Digest: "x"}, 0)
	must(t, err)
	if page.SnapshotFrom == "" || one().DigestEqual != nil {
		t.Errorf("diverged: page %+v, status %+v", page, one())
	}
}

// Proves the data center key: the same after a restart, wrapped on the disk, and a box opens in its own place only.
func TestKeys(t *testing.T) {
	_, ny, ld := pair(t)
	public := ld.keys.Public()
	ld.reopen()
	if !bytes.Equal(public, ld.keys.Public()) || len(public) != 32 {
		t.Fatalf("public key was %x, is %x", public, ld.keys.Public())
	}
	if bytes.Equal(public, ny.keys.Public()) {
		t.Fatal("two data centers have one key")
	}
	box, err := ny.keys.Seal(public, []byte("secret"), []byte("place"))
	must(t, err)
	plain, err := ld.keys.Open(box, []byte("place"))
	must(t, err)
	if string(plain) != "secret" {
		t.Errorf("opened %q", plain)
	}
	if _, err := ld.keys.Open(box, []byte("elsewhere")); err == nil {
		t.Error("a box opened in another place")
	}
	if _, err := ny.keys.Open(box, []byte("place")); err == nil {
		t.Error("a box opened for another data center")
	}
	if _, err := ny.keys.Seal([]byte("short"), nil, nil); err == nil {
		t.Error("a short key was taken")
	}
	must(t, ld.store.View(t.Context(), func(r store.Reader) error {
		kept, err := r.Get([]byte("h/k"))
		if err == nil && len(kept) < 32+28 {
			t.Errorf("%d bytes are kept: not wrapped", len(kept))
		}
		return err
	}))
}
