package topology_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/configuration"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/topology"
)

// head is what the head record beside the store would hold.
func (s *site) head() (b []byte) {
	s.w.t.Helper()
	must(s.w.t, s.store.View(context.Background(), func(r store.Reader) (err error) {
		b, err = r.Get(journal.PositionKey())
		return err
	}))
	return b
}

// requires declares write_requires.
func (s *site) requires(what string) {
	s.w.t.Helper()
	_, err := s.service.Modify(context.Background(), configuration.Actor{Name: "test", Rights: mdc.EveryRight()}, mdc.DataCenterKind(), mdc.SingletonName, configuration.Precondition{},
		func(was mdc.Object) (mdc.Object, error) {
			d := *was.(*mdc.DataCenter)
			d.WriteRequires = what
			return &d, nil
		})
	must(s.w.t, err)
}

// sees waits until a site has found out anew whether others answer.
func (s *site) sees(reachable bool, others ...*site) {
	s.w.t.Helper()
	start := time.Now()
	for _, o := range others {
		eventually(s.w.t, s.id+" notices "+o.id, func() bool {
			st := s.partners.State(o.id)
			return reachable && st.LastSuccess.After(start) || !reachable && st.LastErrorAt.After(start)
		})
	}
}

// majorityOf is topologyOf with write_requires = "majority" everywhere.
func majorityOf(t *testing.T, n int) (*world, []*site) {
	t.Helper()
	w, sites := topologyOf(t, n)
	for _, s := range sites {
		s.requires(mdc.WriteMajority)
	}
	return w, sites
}

// verdict compares what a site says of the majority, itself and in its validation.
func verdict(t *testing.T, s *site, want, reason string) {
	t.Helper()
	state, why, err := s.mastership.Majority(t.Context())
	must(t, err)
	if state != want || !strings.Contains(why, reason) || strings.Contains(why, "Nothing was written") {
		t.Errorf("majority %q because %q", state, why)
	}
	found, err := s.validator("1.0.0").Check(t.Context())
	must(t, err)
	lost := slices.ContainsFunc(found, func(f topology.Finding) bool {
		return f.Code == "no_majority" && f.Severity == topology.SeverityError && f.Detail == why
	})
	if lost != (want == topology.MajorityLost) {
		t.Errorf("findings %+v", found)
	}
}

// TestMajority: with one of three cut off changes go on; with two they are refused at once and not written. One that was cut
// off and promoted by force acknowledges nothing, and after the healing the history that has all that was acknowledged wins
// (FLT-17, G-08).
//
// In part or whole also TAM-L1.
func TestMajority(t *testing.T) {
	t.Parallel()
	w, s := majorityOf(t, 3)
	ny, ld, pd := s[0], s[1], s[2]
	must(t, ny.group("all"))
	w.part(pd, true)
	must(t, ny.group("two"))
	verdict(t, ny, topology.MajorityReached, "")
	w.part(ld, true)
	ny.sees(false, ld, pd)
	before := ny.position()
	err := ny.group("alone")
	wantCode(t, err, "no_majority")
	if f, _ := err.(*fault.Error); f == nil || f.RetryAfter <= 0 || !strings.Contains(f.Message, "LDC, PDC") || ny.position() != before {
		t.Errorf("refused with %v, at %+v", err, ny.position())
	}
	verdict(t, ny, topology.MajorityLost, "LDC, PDC")
	_, err = pd.promote(topology.Change{Force: true})
	must(t, err)
	pd.sees(false, ny, ld)
	wantCode(t, pd.group("minority"), "no_majority")
	for _, site := range s {
		w.part(site, false)
	}
	settled(t, ny, ld, pd)
	ny.sees(true, ld, pd)
	must(t, ny.group("healed"))
	for _, site := range s {
		site.reaches(ny)
		if !site.has("all") || !site.has("two") || !site.has("healed") || site.has("alone") || site.has("minority") {
			t.Errorf("%s has not exactly what was acknowledged", site.id)
		}
		if kept := site.kept(); len(kept) > 0 {
			t.Errorf("%s keeps %v", site.id, kept)
		}
	}
	if e := ny.position().Epoch; e != (mdc.Epoch{Number: 3, ClusterID: "NYDC"}) {
		t.Errorf("epoch %s: the later one must be that of the majority", e)
	}
}

// TestPromotedMinorityUnderWriters: whoever writes while a minority is promoted by force is not acknowledged either.
func TestPromotedMinorityUnderWriters(t *testing.T) {
	t.Parallel()
	w, s := majorityOf(t, 3)
	pd := s[2]
	w.part(pd, true)
	var acknowledged atomic.Int64
	var writers sync.WaitGroup
	stop := make(chan struct{})
	for i := range 16 {
		writers.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				if pd.group(fmt.Sprint("w", i, "-", n)) == nil {
					acknowledged.Add(1)
				}
			}
		})
	}
	_, err := pd.promote(topology.Change{Force: true})
	pd.sees(false, s[0], s[1])
	close(stop)
	writers.Wait()
	must(t, err)
	if n := acknowledged.Load(); n > 0 {
		t.Errorf("a minority acknowledged %d changes", n)
	}
}

// TestNoCopyNoPromotion: a clone that gave up its copy and has none yet is no master for anybody, not even by force: its emptiness
// would win everywhere.
func TestNoCopyNoPromotion(t *testing.T) {
	t.Parallel()
	w, s := topologyOf(t, 2)
	ny, ld := s[0], s[1]
	must(t, ny.group("a"))
	ld.reaches(ny)
	w.part(ny, true)
	must(t, ld.log.Discredit(t.Context(), ld.head(), func(*journal.Tx) error { return nil }))
	_, err := ld.promote(topology.Change{Force: true})
	wantCode(t, err, "no_copy")
	w.part(ny, false)
	ld.reaches(ny)
	if !ld.has("a") {
		t.Error("the copy is not whole again")
	}
	_, err = ld.promote(topology.Change{})
	must(t, err)
}

// TestMajorityWaits: a change that no clone confirms is written and not acknowledged, also when the same call is made again;
// once a clone has it the call succeeds. Local objects do not wait.
func TestMajorityWaits(t *testing.T) {
	t.Parallel()
	w, s := majorityOf(t, 3)
	ny := s[0]
	w.set(w.mute, "journal LDC", true)
	w.set(w.mute, "journal PDC", true)
	err := ny.group("late")
	wantCode(t, err, topology.CodeNotConfirmed)
	if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "LDC, PDC have not") || !ny.has("late") {
		t.Errorf("%v", err)
	}
	wantCode(t, ny.group("late"), topology.CodeNotConfirmed)
	must(t, ny.partner("XDC"))
	w.set(w.mute, "journal PDC", false)
	must(t, ny.group("late"))
	must(t, ny.group("next"))
}

// TestMajorityOfTwo: of two both are needed. A master alone is a majority of one; it brings in and lets go its only clone
// without waiting for it, and says local to go on without it.
func TestMajorityOfTwo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ny, ld := w.site("NYDC"), w.site("LDC")
	w.linked(ny, ld)
	ny.requires(mdc.WriteMajority)
	must(t, ny.group("lonely"))
	v, err := ny.create(agreement("a", "NYDC", "LDC"))
	must(t, err)
	must(t, ny.group("both"))
	_, err = ny.change(v.Identifier, func(a *mdc.Agreement) { a.Enabled = false })
	must(t, err)
	wantCode(t, ny.group("disabled"), "no_majority")
	must(t, ny.remove(v.Identifier, false))
	must(t, ny.group("lonely-again"))
	v, err = ny.create(agreement("b", "NYDC", "LDC"))
	must(t, err)
	must(t, ny.group("both-again"))
	w.part(ld, true)
	ny.sees(false, ld)
	wantCode(t, ny.group("cut"), "no_majority")
	ny.requires(mdc.WriteLocal)
	must(t, ny.group("local"))
	ny.requires(mdc.WriteMajority)
	must(t, ny.remove(v.Identifier, true)) // what is left is one, which is its majority
	must(t, ny.group("forced"))
	must(t, ny.partner("XDC"))
	_, err = ny.create(agreement("c", "NYDC", "XDC"))
	wantCode(t, err, "partner_unreachable")
}

// TestMinorityBringsNobodyIn: a minority does not make itself the majority by new members, nor by dropping those who are silent.
func TestMinorityBringsNobodyIn(t *testing.T) {
	t.Parallel()
	w, s := majorityOf(t, 3)
	ny, ld, pd := s[0], s[1], s[2]
	xd := w.site("XDC")
	must(t, xd.profile("agent-XDC", true))
	must(t, xd.partner("NYDC"))
	must(t, xd.role(mdc.RoleClone))
	must(t, ny.partner("XDC"))
	w.part(ld, true)
	w.part(pd, true)
	ny.sees(false, ld, pd)
	_, err := ny.create(agreement("x", "NYDC", "XDC"))
	wantCode(t, err, "no_majority")
	wantCode(t, ny.remove(ny.halves()[0].Identifier, true), "no_majority")
	if len(ny.halves()) != 2 {
		t.Errorf("the halves are %+v", ny.halves())
	}
}

// TestMajorityGivesUpItsTail: what the old master wrote and nobody confirmed is kept as a conflict file when the others, a
// majority, were promoted without it (FLT-17, SEC-50).
func TestMajorityGivesUpItsTail(t *testing.T) {
	t.Parallel()
	w, s := majorityOf(t, 3)
	ny, ld, pd := s[0], s[1], s[2]
	w.set(w.mute, "journal LDC", true)
	w.set(w.mute, "journal PDC", true)
	wantCode(t, ny.group("tail"), topology.CodeNotConfirmed)
	w.part(ny, true)
	w.set(w.mute, "journal LDC", false)
	w.set(w.mute, "journal PDC", false)
	_, err := ld.promote(topology.Change{Force: true})
	must(t, err)
	eventually(t, "PDC follows LDC", func() bool { return pd.position() == ld.position() })
	must(t, ld.group("after"))
	w.part(ny, false)
	settled(t, ld, ny, pd)
	if got := strings.Join(ny.kept(), " "); got != "tail" {
		t.Errorf("the conflict file has %q", got)
	}
	if ny.has("tail") || !ny.has("after") {
		t.Error("the old master has not the winner's state")
	}
}

// TestMemberKeepsWhatWasAcknowledged: the master acknowledged a change with PDC and is gone; LDC, which lacks it, is promoted
// by force. PDC does not follow it, so nothing is acknowledged there; PDC, promoted, is followed by both (FLT-17).
func TestMemberKeepsWhatWasAcknowledged(t *testing.T) {
	t.Parallel()
	w, s := majorityOf(t, 3)
	ny, ld, pd := s[0], s[1], s[2]
	w.set(w.cut, "LDC>NYDC", true)
	w.set(w.cut, "NYDC>LDC", true)
	must(t, ny.group("acknowledged"))
	w.part(ny, true)
	_, err := ld.promote(topology.Change{Force: true})
	must(t, err)
	st, err := ld.mastership.Standing(t.Context(), "PDC")
	must(t, err)
	wantCode(t, pd.mastership.Present(t.Context(), st), "majority_ahead")
	ld.sees(false, ny)
	wantCode(t, ld.group("unheard"), "no_majority")
	if !pd.has("acknowledged") {
		t.Error("PDC gave up what was acknowledged")
	}
	pd.sees(true, ld) // it has heard of LDC's epoch, so that its own is later
	_, err = pd.promote(topology.Change{Force: true})
	must(t, err)
	ld.reaches(pd)
	must(t, pd.group("after"))
	w.part(ny, false)
	settled(t, pd, ny, ld)
	for _, site := range s {
		if !site.has("acknowledged") || !site.has("after") || site.has("unheard") {
			t.Errorf("%s has not exactly what was acknowledged", site.id)
		}
	}
}

// TestMajorityKeepsMastership: planned promotions pass from one to the next; a forced one that would cost what a majority has
// is refused by the master that can be asked.
func TestMajorityKeepsMastership(t *testing.T) {
	t.Parallel()
	w, s := majorityOf(t, 3)
	ny, ld, pd := s[0], s[1], s[2]
	w.set(w.mute, "journal LDC", true)
	must(t, ny.group("of-two"))
	_, err := ld.promote(topology.Change{Force: true, Wait: 1})
	wantCode(t, err, "majority_ahead")
	must(t, ny.group("still"))
	w.set(w.mute, "journal LDC", false)
	ld.reaches(ny)
	_, err = ld.promote(topology.Change{})
	must(t, err)
	settled(t, ld, ny, pd)
	must(t, ld.group("third"))
	_, err = ld.demote(topology.Change{To: "NYDC"})
	must(t, err)
	settled(t, ny, ld, pd)
	must(t, ny.group("fourth"))
}
