package replication_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/replication"
)

// onePage lets a clone come back that was away during four changes, and alters one page on its way to it: that for which alter says true.
func onePage(alter func(*replication.Page) bool) func(l *link, master, clone *site) {
	return func(l *link, master, clone *site) {
		clone.stop()
		master.groups(80, 84)
		done := false
		l.alter(func(p *replication.Page) { done = done || alter(p) }, nil)
		clone.run()
	}
}

// Proves FLT-14 and FLT-16 (clone side): whatever the moment of a restart, everything is applied once, in order.
func TestRestartsMidApply(t *testing.T) {
	l, master, clone := pair(t)
	agree(master, clone, "ny-ld", nil)
	bootstrap(t, clone, "ny-ld")
	var writes sync.WaitGroup
	writes.Go(func() {
		for i := range 300 {
			if err := master.log.Update(t.Context(), func(tx *journal.Tx) error {
				return tx.Put(mdc.GroupKind(), &mdc.Group{Name: fmt.Sprintf("g%d", i%40), Description: fmt.Sprint(i)}, "test")
			}); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 4 {
		at := clone.position()
		eventually(t, "another change at the clone", func() bool { return clone.position() != at || master.position() == at })
		clone.reopen()
	}
	writes.Wait()
	clone.reaches(master)
	if diff := cmp.Diff(master.items(), clone.items()); diff != "" {
		t.Error(diff)
	}
	if n := l.snapshots("LDC"); n != 1 {
		t.Errorf("%d snapshots, want only the first", n)
	}
}

// Proves FLT-16: a snapshot that breaks off, or whose clone is killed, leaves the old copy in force and whole.
func TestSnapshotBreaksOff(t *testing.T) {
	l, master, clone := pair(t)
	master.groups(0, 50)
	clone.groups(100, 110)
	before, at := clone.items(), clone.position()
	seen := make(chan struct{}, 1)
	n := 0
	l.alter(nil, func(*replication.Item) error {
		if n++; n%20 == 0 {
			select {
			case seen <- struct{}{}:
			default:
			}
			return errors.New("connection reset")
		}
		return nil
	})
	agree(master, clone, "ny-ld", nil)
	select {
	case <-seen:
	case <-time.After(patience):
		t.Fatal("no snapshot was asked for")
	}
	clone.reopen()
	if diff := cmp.Diff(before, clone.items()); diff != "" || clone.position() != at {
		t.Errorf("the old copy was touched: at %+v\n%s", clone.position(), diff)
	}
	if st := clone.status(); st.State != mdc.AgreementBootstrapping || st.Healthy {
		t.Errorf("status %+v", st)
	}
	l.alter(nil, nil)
	bootstrap(t, clone, "ny-ld")
	clone.reaches(master)
	if diff := cmp.Diff(master.items(), clone.items()); diff != "" {
		t.Error(diff)
	}
}

// Doubts end in a snapshot or in a question asked again, never in a guess (FLT-14, FLT-15). Whatever of a journal is forged, altered or sent
// again, the clone ends as the master is (SEC-46).
func TestDoubts(t *testing.T) {
	for name, c := range map[string]struct {
		disturb   func(l *link, master, clone *site)
		snapshots int // on top of the first
	}{
		"another epoch": {func(_ *link, master, clone *site) {
			clone.stop()
			master.update(func(tx *journal.Tx) error { return tx.SetEpoch(mdc.Epoch{Number: 2, ClusterID: "NYDC"}) })
			clone.run()
		}, 1},
		"a lying digest in a page": {func(l *link, master, clone *site) {
			done := false
			l.alter(func(p *replication.Page) {
				if len(p.Records) > 0 && !done {
					done = true
					p.Records[0].Digest = strings.Repeat("0", 64)
				}
			}, nil)
			master.groups(80, 83)
		}, 1},
		"a gap": {onePage(func(p *replication.Page) bool {
			if len(p.Records) > 2 {
				p.Records = append(p.Records[:1:1], p.Records[2:]...)
				return true
			}
			return false
		}), 0},
		"an altered payload": {onePage(func(p *replication.Page) bool {
			if len(p.Records) > 0 {
				p.Records[0].Body = bytes.Replace(p.Records[0].Body, []byte(`"name":"g80"`), []byte(`"name":"g80","description":"forged"`), 1)
				return true
			}
			return false
		}), 1},
		"a record from the end of all sequences": {onePage(func(p *replication.Page) bool {
			if n := len(p.Records); n > 1 {
				p.Records[n-1].Sequence, p.Latest = math.MaxInt64, math.MaxInt64
				return true
			}
			return false
		}), 0},
		"a record of another master's epoch": {func(l *link, master, clone *site) {
			done := false
			l.alter(func(p *replication.Page) {
				if len(p.Records) > 0 && !done {
					done = true
					p.Records[0].Epoch = mdc.Epoch{Number: 1, ClusterID: "PARIS"}
				}
			}, nil)
			master.groups(80, 83)
		}, 1},
		"repeated records": {func(l *link, master, clone *site) {
			var last []replication.Entry
			l.alter(func(p *replication.Page) {
				fresh := p.Records
				p.Records = append(last[:len(last):len(last)], fresh...)
				last = fresh
			}, nil)
			master.groups(80, 90)
		}, 0},
		"reordered records": {onePage(func(p *replication.Page) bool {
			if n := len(p.Records); n > 1 {
				p.Records[0], p.Records[n-1] = p.Records[n-1], p.Records[0]
				return true
			}
			return false
		}), 0},
	} {
		t.Run(name, func(t *testing.T) {
			l, master, clone := pair(t)
			master.groups(0, 10)
			agree(master, clone, "ny-ld", nil)
			bootstrap(t, clone, "ny-ld")
			clone.reaches(master)
			first := l.snapshots("LDC")
			c.disturb(l, master, clone)
			clone.reaches(master)
			if diff := cmp.Diff(master.items(), clone.items()); diff != "" {
				t.Error(diff)
			}
			if n := l.snapshots("LDC") - first; n != c.snapshots {
				t.Errorf("%d more snapshots, want %d", n, c.snapshots)
			}
			clone.inState(mdc.AgreementReady)
		})
	}
}

// Proves FLT-27: what this version does not know stops the agreement, with a reason; nothing is skipped, what came before
// is applied, and the copy is served on. The state outlives a restart, and a newer version goes on.
func TestUnknownStops(t *testing.T) {
	for name, spoil := range map[string]func(*replication.Entry){
		"kind":         func(e *replication.Entry) { e.Kind = "hologram" },
		"local kind":   func(e *replication.Entry) { e.Kind = "partner" },
		"operation":    func(e *replication.Entry) { e.Operation = "patch" },
		"body":         func(e *replication.Entry) { e.Body = []byte("[1") },
		"no body":      func(e *replication.Entry) { e.Body = nil },
		"sealed group": func(e *replication.Entry) { e.Body, e.Sealed = nil, []byte("box") },
		"name":         func(e *replication.Entry) { e.Name = strings.Repeat("x", 600) },
	} {
		t.Run(name, func(t *testing.T) {
			l, master, clone := pair(t)
			agree(master, clone, "ny-ld", nil)
			bootstrap(t, clone, "ny-ld")
			clone.stop()
			at := clone.position().Sequence
			master.groups(0, 5)
			l.alter(func(p *replication.Page) {
				for i := range p.Records {
					if p.Records[i].Name == "g3" {
						spoil(&p.Records[i])
					}
				}
			}, nil)
			clone.run()
			st := clone.inState(mdc.AgreementStopped)
			if st.Healthy || st.Reason == "" || st.AppliedSequence != at+3 {
				t.Errorf("status %+v, want stopped behind sequence %d", st, at+3)
			}
			clone.reopen()
			if st := clone.inState(mdc.AgreementStopped); st.Reason == "" {
				t.Errorf("after a restart %+v", st)
			}
			l.alter(nil, nil)
			eventually(t, "a pull", func() bool { return clone.follower.Pull("ny-ld") == nil }) // OAM-54
			clone.reaches(master)
			clone.inState(mdc.AgreementReady)
		})
	}
}

// Proves FLT-08: a master that went back behind its clone does not take the clone with it, until somebody says so.
func TestRestoredMaster(t *testing.T) {
	l, master, clone := pair(t)
	master.groups(0, 3)
	agree(master, clone, "ny-ld", nil)
	bootstrap(t, clone, "ny-ld")
	old := newSite(t, l, "NYDC", clock.System{}) // takes the master's place
	agree(old, clone, "ny-ld", nil)
	master.groups(3, 4)
	st := clone.inState(mdc.AgreementStopped)
	if !strings.Contains(st.Reason, "backup") {
		t.Errorf("reason %q", st.Reason)
	}
	if diff := cmp.Diff(clone.items()["group/g2"], master.items()["group/g2"]); diff != "" {
		t.Error(diff)
	}
	clone.enable("ny-ld", false)
	clone.inState(mdc.AgreementDisabled)
	clone.enable("ny-ld", true)
	clone.reaches(old)
	l.mu.Lock()
	l.sites["NYDC"] = old
	l.mu.Unlock()
}

// Proves FLT-08: a master that went back and then on, past its clone, does not replace what the clone has from it either.
func TestRewrittenMaster(t *testing.T) {
	l, master, clone := pair(t)
	master.groups(0, 3)
	agree(master, clone, "ny-ld", nil)
	bootstrap(t, clone, "ny-ld")
	clone.reaches(master)
	first := l.snapshots("LDC")
	clone.stop()
	clone.groups(70, 72) // as if the master had made them, and lost them since
	master.groups(80, 83)
	before := clone.items()
	clone.run()
	if st := clone.inState(mdc.AgreementStopped); !strings.Contains(st.Reason, "old backup") || !strings.Contains(st.Reason, "promote") {
		t.Errorf("reason %q", st.Reason)
	}
	if diff := cmp.Diff(before, clone.items()); diff != "" || l.snapshots("LDC") != first {
		t.Errorf("a copy was taken: %s", diff)
	}
	clone.enable("ny-ld", false)
	clone.inState(mdc.AgreementDisabled)
	clone.enable("ny-ld", true)
	clone.reaches(master)
	if diff := cmp.Diff(master.items(), clone.items()); diff != "" {
		t.Error(diff)
	}
}

// Proves FLT-10 and OAM-38 (configuration): cut off, the clone keeps its copy and says that it is stale; when the link is
// back it catches up. The state outlives a restart.
func TestPartition(t *testing.T) {
	l, master, clone := pair(t)
	master.groups(0, 5)
	agree(master, clone, "ny-ld", nil)
	bootstrap(t, clone, "ny-ld")
	clone.reaches(master)
	l.setCut("LDC", true)
	master.groups(5, 9)
	st := clone.inState(mdc.AgreementStale)
	if st.Healthy || st.LastError == "" || st.LastErrorAt.IsZero() || st.LastSuccess.IsZero() {
		t.Errorf("status %+v", st)
	}
	clone.reopen()
	if got := clone.status().State; got != mdc.AgreementStale {
		t.Errorf("after a restart the state is %s", got)
	}
	eventually(t, "ready without its master", func() bool { ok, _, err := clone.follower.Ready(t.Context()); return ok && err == nil })
	if clone.items()["group/g4"] == "" {
		t.Error("the copy is gone")
	}
	l.setCut("LDC", false)
	clone.follower.Wake("nydc")
	clone.reaches(master)
	st = clone.inState(mdc.AgreementReady)
	if !st.Healthy || st.LagEntries != 0 || st.LagSeconds != 0 || st.DigestEqual == nil || !*st.DigestEqual {
		t.Errorf("status %+v", st)
	}
}

// Proves that a question that went out over a link that died silently does not hold the agreement up.
func TestWakeAbandonsADeadQuestion(t *testing.T) {
	l, master, clone := pair(t)
	agree(master, clone, "ny-ld", nil)
	bootstrap(t, clone, "ny-ld")
	clone.reaches(master)
	l.setDead("LDC", true)
	clone.follower.Wake("nydc") // whatever is under way, the next question gets no answer
	eventually(t, "a question over the dead link", func() bool { return l.unanswered() > 0 })
	master.groups(0, 1)
	l.setDead("LDC", false)
	clone.follower.Wake("NYDC")
	clone.reaches(master)
}

// Proves that an answer which is under way when an administrator ends the agreement changes nothing any more.
func TestLateAnswer(t *testing.T) {
	l, master, clone := pair(t)
	agree(master, clone, "ny-ld", nil)
	bootstrap(t, clone, "ny-ld")
	clone.reaches(master)
	at := clone.position()
	ended := make(chan error, 10)
	l.alter(func(p *replication.Page) {
		if len(p.Records) > 0 {
			ended <- clone.log.Update(context.Background(), func(tx *journal.Tx) error {
				return tx.Delete(mdc.AgreementKind(), "ny-ld", "test")
			})
		}
	}, nil)
	master.groups(0, 1)
	must(t, <-ended)
	eventually(t, "the follower forgets the agreement", func() bool { return clone.follower.Pull("ny-ld") != nil })
	clone.stop()
	if clone.position() != at {
		t.Errorf("the clone went on to %+v", clone.position())
	}
}
