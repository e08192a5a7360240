package federation_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/trust/federation"
)

// news is a publication that the test changes.
type news struct {
	mu      sync.Mutex // guards the rest
	d       federation.Document
	changed chan struct{}
}

// Current gives what is published.
func (n *news) Current(context.Context) (federation.Document, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.d, nil
}

// Changed gives what is closed at the next change.
func (n *news) Changed() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.changed
}

func (n *news) publish(sequence, number uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.d = federation.Document{Sequence: sequence, Bundle: []byte("b"), Number: number, Lists: []federation.List{{}}}
	if n.changed != nil {
		close(n.changed)
	}
	n.changed = make(chan struct{})
}

func publisher(t *testing.T, s store.Store, n *news) *federation.Publisher {
	t.Helper()
	p, err := federation.OpenPublisher(t.Context(), federation.PublisherConfig{Publication: n, Store: s, Clock: clock.System{}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestOffersCarryWhatIsNewer: FLT-21. A partner gets what it lacks at once; what it says to have is its acknowledgement, which
// outlives a restart, follows it down when it starts anew, and never claims more than there is.
func TestOffersCarryWhatIsNewer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := &news{}
	n.publish(4, 9)
	p := publisher(t, w.store, n)
	for _, c := range []struct {
		name             string
		sequence, number uint64
		bundle, lists    bool
		acknowledged     uint64
	}{
		{"nothing yet", 0, 0, true, true, 0},
		{"an older bundle", 3, 9, true, true, 3},
		{"an older list", 4, 8, false, true, 4},
		{"all", 4, 9, false, false, 4},
		{"it starts anew", 0, 0, true, true, 0},
		{"more than there is", 5, 9, true, true, 0},
		{"all again", 4, 9, false, false, 4},
	} {
		d, err := p.Offer(t.Context(), "LDC", c.sequence, c.number, 0)
		if err != nil || (d.Bundle != nil) != c.bundle || (d.Lists != nil) != c.lists || d.Sequence != 4 || d.Number != 9 {
			t.Errorf("%s: %+v, %v", c.name, d, err)
		}
		if got := p.Ack("ldc").Sequence; got != c.acknowledged {
			t.Errorf("%s: acknowledged %d, want %d", c.name, got, c.acknowledged)
		}
	}
	if got := publisher(t, w.store, n).Ack("LDC"); got.Sequence != 4 || got.Number != 9 || got.At.IsZero() {
		t.Errorf("after a restart: %+v", got)
	}
	if err := p.Forget(t.Context(), []string{"SGDC"}); err != nil || p.Ack("LDC").Sequence != 0 || publisher(t, w.store, n).Ack("LDC").Sequence != 0 {
		t.Errorf("of a partner that is gone: %+v, %v", p.Ack("LDC"), err)
	}
}

// TestAcknowledgementsOfOtherNodes: FLT-21, FLT-31. What a partner acknowledged to another node on the same store counts here when it was read anew, also that
// it has less than before, and that it is forgotten.
func TestAcknowledgementsOfOtherNodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := &news{}
	n.publish(4, 9)
	one, two := publisher(t, w.store, n), publisher(t, w.store, n)
	for _, sequence := range []uint64{4, 3} {
		if _, err := one.Offer(t.Context(), "LDC", sequence, 9, 0); err != nil {
			t.Fatal(err)
		}
		if two.Ack("LDC").Sequence == sequence {
			t.Fatal("the other node knows without having read")
		}
		if err := two.Reread(t.Context()); err != nil || two.Ack("LDC").Sequence != sequence {
			t.Errorf("read anew: %+v, %v; want %d", two.Ack("LDC"), err, sequence)
		}
	}
	if err := one.Forget(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if err := two.Reread(t.Context()); err != nil || two.Ack("LDC").Sequence != 0 {
		t.Errorf("a partner that is gone, read anew: %+v, %v", two.Ack("LDC"), err)
	}
}

// TestOffersWaitForNews: a question waits until there is news, its time is over, or the node stops; a caller that leaves is let go.
func TestOffersWaitForNews(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &news{}
		n.publish(1, 1)
		p := publisher(t, memory{}, n)
		if _, err := p.Offer(t.Context(), "LDC", 1, 1, 0); err != nil { // its acknowledgement is kept
			t.Fatal(err)
		}
		type answer struct {
			d   federation.Document
			err error
		}
		ask := func(ctx context.Context, wait time.Duration) <-chan answer {
			out := make(chan answer, 1)
			go func() {
				d, err := p.Offer(ctx, "LDC", 1, 1, wait)
				out <- answer{d, err}
			}()
			synctest.Wait()
			return out
		}
		began := time.Now()
		if got := <-ask(t.Context(), time.Hour); got.err != nil || got.d.Bundle != nil || time.Since(began) != federation.MaxWait {
			t.Errorf("no news: %+v after %s", got, time.Since(began))
		}
		gone, leave := context.WithCancel(t.Context())
		left := ask(gone, time.Hour)
		leave()
		if got := <-left; got.err == nil {
			t.Errorf("who left got %+v", got)
		}
		waiting := ask(t.Context(), time.Hour)
		n.publish(2, 1)
		if got := <-waiting; got.err != nil || got.d.Sequence != 2 || got.d.Bundle == nil || got.d.Lists == nil {
			t.Errorf("news: %+v", got)
		}
		n.publish(1, 1)
		waiting = ask(t.Context(), time.Hour)
		began = time.Now()
		stopping, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- p.Run(stopping) }()
		stop()
		if got := <-waiting; got.err != nil || got.d.Bundle != nil || time.Since(began) != 0 {
			t.Errorf("the node stops: %+v after %s", got, time.Since(began))
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// memory is a store that keeps nothing: what is waited for in a test of time must not be a disk.
type memory struct{ store.Store }

// View sees nothing.
func (memory) View(_ context.Context, fn func(store.Reader) error) error { return fn(nothing{}) }

// Update keeps nothing.
func (memory) Update(_ context.Context, fn func(store.Writer) error) error { return fn(nothing{}) }

type nothing struct{ store.Writer }

// Range visits nothing.
func (nothing) Range(store.Span, func(key, value []byte) error) error { return nil }

// Put keeps nothing.
func (nothing) Put(_, _ []byte, _ time.Duration) error { return nil }

// roots is an authority whose phase the test sets.
type roots struct {
	phase federation.Phase
	made  []string
}

// Phase gives it.
func (r *roots) Phase(context.Context) (federation.Phase, error) { return r.phase, nil }

// Step notes the step.
func (r *roots) Step(_ context.Context, name string) error {
	r.made = append(r.made, name)
	return nil
}

// TestStepsThatWouldCutSomebodyOff: FLT-21. Who has not acknowledged, and which certificates are alive, keep a step from being made,
// by name; force makes it and names them. A data center without TLS is not waited for. Nothing is made that was not recorded.
func TestStepsThatWouldCutSomebodyOff(t *testing.T) {
	t.Parallel()
	end := time.Date(2031, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		name, phase, step string
		acked             map[string]uint64
		alive             int
		force             bool
		code              string
		cut               int
	}{
		{"publish asks nobody", "stable", "", nil, 0, false, "", 0},
		{"switch with all", "published", "", map[string]uint64{"LDC": 2, "SGDC": 2}, 0, false, "", 0},
		{"switch without one", "published", "switch", map[string]uint64{"LDC": 2, "SGDC": 1}, 0, false, "rotation_not_acknowledged", 0},
		{"switch over one", "published", "switch", map[string]uint64{"LDC": 2, "SGDC": 1}, 0, true, "", 1},
		{"cancel needs nobody", "published", "cancel", nil, 0, false, "", 0},
		{"retire too early", "published", "retire", map[string]uint64{"LDC": 2, "SGDC": 2}, 0, true, "rotation_out_of_turn", 0},
		{"switch twice", "switched", "switch", nil, 0, true, "rotation_out_of_turn", 0},
		{"cancel too late", "switched", "cancel", nil, 0, true, "rotation_out_of_turn", 0},
		{"retire with certificates alive", "switched", "", map[string]uint64{"LDC": 2, "SGDC": 2}, 3, false, "rotation_certificates_alive", 0},
		{"retire over them", "switched", "", map[string]uint64{"LDC": 2, "SGDC": 2}, 3, true, "", 0},
		{"retire over all", "switched", "", nil, 3, true, "", 2},
		{"retire", "switched", "retire", map[string]uint64{"LDC": 2, "SGDC": 2}, 0, false, "", 0},
		{"no step of that name", "stable", "burn", nil, 0, true, "rotation_out_of_turn", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := &news{}
			n.publish(2, 1)
			p := publisher(t, memory{}, n)
			for id, sequence := range c.acked {
				if _, err := p.Offer(t.Context(), id, sequence, 1, 0); err != nil {
					t.Fatal(err)
				}
			}
			r := &roots{phase: federation.Phase{Name: c.phase, Sequence: 2, Count: c.alive, Last: end}}
			rotation, err := federation.NewRotation(federation.RotationConfig{Authority: r, Publisher: p, Partners: func(context.Context) ([]mdc.Partner, error) {
				return []mdc.Partner{{ClusterID: "SGDC"}, {ClusterID: "LDC"}, {ClusterID: "PLAIN", SecurityMode: mdc.ModeOpen}}, nil
			}})
			if err != nil {
				t.Fatal(err)
			}
			s, err := rotation.State(t.Context())
			if ready := c.code != "rotation_not_acknowledged" && c.code != "rotation_certificates_alive"; err != nil || !c.force && c.step != "cancel" && s.MayAdvance() != ready {
				t.Errorf("may advance: %t, %v", s.MayAdvance(), err)
			}
			recorded := 0
			out, err := rotation.Advance(t.Context(), c.step, c.force, func(string) error { recorded++; return nil })
			if fault.CodeOf(err) != c.code && (c.code != "" || err != nil) {
				t.Fatalf("%+v, %v", out, err)
			}
			if c.code == "rotation_not_acknowledged" && !strings.Contains(err.Error(), "sequence 2: SGDC.") || c.code == "rotation_certificates_alive" && !strings.Contains(err.Error(), "3 certificates") {
				t.Errorf("it names nobody: %v", err)
			}
			ended := 0
			if len(r.made) == 1 && r.made[0] == federation.StepRetire {
				ended = c.alive
			}
			names := []string{"LDC", "SGDC"}
			if !slices.Equal(out.CutOff, names[len(names)-c.cut:]) || out.Certificates != ended || recorded != len(r.made) || (len(r.made) == 1) != (c.code == "") {
				t.Errorf("%+v, made %v, recorded %d", out, r.made, recorded)
			}
			if refusal := fault.New(fault.Internal, "", "no record"); c.code == "" {
				if _, err := rotation.Advance(t.Context(), c.step, c.force, func(string) error { return refusal }); err == nil || len(r.made) != 1 {
					t.Errorf("without a record: %v, made %v", err, r.made)
				}
			}
		})
	}
}
