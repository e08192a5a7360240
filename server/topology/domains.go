package topology

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// AnswerDomains is what a partner may know of the security domains here, when this data center's profile lets others manage it.
func (v *Validator) AnswerDomains(ctx context.Context) (d journal.Domains, err error) {
	err = v.c.Log.View(ctx, func(s *journal.Snapshot) error {
		o, err := s.Get(mdc.PartnerProfileKind(), mdc.SingletonName)
		if err != nil {
			return err
		}
		if p, ok := o.(*mdc.PartnerProfile); !ok || !p.AllowManagement {
			return fault.New(fault.Forbidden, "management_not_allowed", "The partner profile of %s does not allow management.", v.c.ClusterID)
		}
		return nil
	})
	if err != nil {
		return d, err
	}
	return v.c.Domains(ctx)
}

// domains compares what the security domains hold here and at each partner that tells (CAMS-04). At one position any difference
// is an error; between two positions it is what has not been replicated yet, or never is.
func (r *report) domains(ctx context.Context) error {
	if r.v.c.Domains == nil || r.v.c.AskDomains == nil {
		return nil
	}
	partners, _, _, err := r.v.registered(ctx)
	if err != nil || len(partners) == 0 {
		return err
	}
	for _, p := range partners {
		asking, cancel := context.WithTimeout(ctx, probeTime)
		theirs, err := r.v.c.AskDomains(asking, p.ClusterID)
		cancel()
		if err != nil { // the look at the edge says what is the matter, if anything is
			continue
		}
		ours, err := r.v.c.Domains(ctx)
		if err != nil {
			return err
		}
		r.compareDomains(p.ClusterID, ours, theirs)
	}
	return nil
}

func (r *report) compareDomains(partner string, ours, theirs journal.Domains) {
	names := maps.Clone(ours.Sums)
	maps.Copy(names, theirs.Sums)
	same := ours.Position.Epoch == theirs.Position.Epoch && ours.Position.Sequence == theirs.Position.Sequence
	for _, name := range slices.Sorted(maps.Keys(names)) {
		here, there := ours.Sums[name], theirs.Sums[name]
		if here == there {
			continue
		}
		severity, hint := SeverityWarning, "If one of the two follows the other, look again when it has caught up; otherwise replicate, or declare the domain's objects alike in both."
		if same {
			severity, hint = SeverityError, "Undo what was changed on a clone: concord replication divergences. Where there is no such change, compare with concord replication verify."
		}
		r.add(severity, "domain_differs", "security_domain "+name, fmt.Sprintf("It holds something else in %s (%s, sequence %d) than in %s (%s, sequence %d).", partner, holds(there), theirs.Position.Sequence,
			r.v.c.ClusterID, holds(here), ours.Position.Sequence), hint)
	}
}

func holds(s journal.DomainSum) string {
	switch {
	case s.Digest == "":
		return "no such domain"
	case s.Objects == 1:
		return "1 object"
	}
	return fmt.Sprintf("%d objects", s.Objects)
}
