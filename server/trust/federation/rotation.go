package federation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Phases and steps of the rotation of this data center's root: stable, publish, published, switch, switched, retire, stable.
const (
	PhaseStable    = "stable"
	PhasePublished = "published"
	PhaseSwitched  = "switched"

	StepPublish = "publish"
	StepSwitch  = "switch"
	StepRetire  = "retire"
	StepCancel  = "cancel"
)

// Phase is where the authority stands.
type Phase struct {
	Name     string
	Since    time.Time
	Sequence uint64    // of the bundle
	Last     time.Time // end of the longest life among others' certificates under the former root
	Count    int       // how many those are
}

// Authority is what has the roots.
type Authority interface {
	Phase(ctx context.Context) (Phase, error)
	// Step makes one step, durably. fault.Conflict out of turn.
	Step(ctx context.Context, name string) error
}

// RotationConfig wires a Rotation. All is needed.
type RotationConfig struct {
	Authority Authority
	Publisher *Publisher
	Partners  func(ctx context.Context) ([]mdc.Partner, error)
}

// Rotation replaces the root of this data center without a moment in which a partner does not believe it. Safe for concurrent use.
type Rotation struct {
	c    RotationConfig
	step sync.Mutex // one step at a time
}

// NewRotation refuses bad wiring.
func NewRotation(c RotationConfig) (*Rotation, error) {
	if c.Authority == nil || c.Publisher == nil || c.Partners == nil {
		return nil, errors.New("new rotation: a part is missing")
	}
	return &Rotation{c: c}, nil
}

// State is how far a rotation is.
type State struct {
	Phase
	Next    string       // the step that is due
	Partner []PartnerHas // by cluster id
	Waiting []string     // partners that have not acknowledged the present bundle
}

// PartnerHas is what a partner has of our bundle.
type PartnerHas struct {
	ClusterID    string
	Acknowledged Ack
	Current      bool
}

// MayAdvance says whether the next step is made without force.
func (s State) MayAdvance() bool {
	return s.Next == StepPublish || len(s.Waiting) == 0 && (s.Next != StepRetire || s.Count == 0)
}

// State tells how far the rotation is.
func (r *Rotation) State(ctx context.Context) (s State, err error) {
	if s.Phase, err = r.c.Authority.Phase(ctx); err != nil {
		return s, err
	}
	s.Next = map[string]string{PhaseStable: StepPublish, PhasePublished: StepSwitch, PhaseSwitched: StepRetire}[s.Name]
	partners, err := r.c.Partners(ctx)
	if err != nil {
		return s, fmt.Errorf("read partners: %w", err)
	}
	for _, p := range partners {
		if p.SecurityMode == mdc.ModeOpen {
			continue // it uses no certificate
		}
		has := PartnerHas{ClusterID: p.ClusterID, Acknowledged: r.c.Publisher.Ack(p.ClusterID)}
		if has.Current = has.Acknowledged.Sequence == s.Sequence; !has.Current {
			s.Waiting = append(s.Waiting, p.ClusterID)
		}
		s.Partner = append(s.Partner, has)
	}
	slices.SortFunc(s.Partner, func(a, b PartnerHas) int { return strings.Compare(a.ClusterID, b.ClusterID) })
	slices.Sort(s.Waiting)
	return s, nil
}

// Outcome of a step.
type Outcome struct {
	Step         string
	CutOff       []string // partners that do not know the root which now counts
	Certificates int      // of others, under the retired root, that are of no more use
}

// Advance makes a step, "" for the one that is due. Without force it is refused while a partner has not acknowledged the
// bundle, or while certificates under the former root are still good: rotation_not_acknowledged and
// rotation_certificates_alive, which name them. With force the outcome does. audit is called before anything is changed.
func (r *Rotation) Advance(ctx context.Context, step string, force bool, audit func(step string) error) (out Outcome, err error) {
	r.step.Lock()
	defer r.step.Unlock()
	s, err := r.State(ctx)
	if err != nil {
		return out, err
	}
	if step == "" {
		step = s.Next
	}
	if step != s.Next && !(step == StepCancel && s.Name == PhasePublished) {
		return out, fault.New(fault.Conflict, "rotation_out_of_turn", "The rotation of the root is in phase %s; the next step is %s, not %.40q.", s.Name, s.Next, step)
	}
	if err := s.ready(step); err != nil && !force {
		return out, err
	}
	if err := audit(step); err != nil {
		return out, err
	}
	if err := r.c.Authority.Step(ctx, step); err != nil {
		return out, err
	}
	out.Step = step
	if step == StepSwitch || step == StepRetire {
		out.CutOff = s.Waiting
	}
	if step == StepRetire {
		out.Certificates = s.Count
	}
	return out, nil
}

// ready says why a step would cut somebody off.
func (s State) ready(step string) error {
	if step != StepSwitch && step != StepRetire {
		return nil
	}
	if len(s.Waiting) > 0 {
		return fault.New(fault.Conflict, "rotation_not_acknowledged",
			"Not every partner has acknowledged the bundle with sequence %d: %s. Each does by itself as soon as it can be reached and has this data center registered; with force they are cut off when the former root is retired, until they declare the new one.",
			s.Sequence, strings.Join(s.Waiting, ", "))
	}
	if step == StepRetire && s.Count > 0 {
		return fault.New(fault.Conflict, "rotation_certificates_alive",
			"%d certificates under the former root are still good, the last until %s. Renew or revoke them, or wait; with force they are refused from now on.", s.Count, s.Last.UTC().Format(time.RFC3339))
	}
	return nil
}
