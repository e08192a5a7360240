package replication

import (
	"context"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// boxKind is in the context of a keyset that was asked for, so that such a box is none of a journal or a copy.
const boxKind = "keyset/fetched"

// KeyBox gives the keyset of a purpose, sealed for the data center that asks and for nobody else, to a member of the topology:
// one whose key the master has registered here (FLT-23). A master gives none to a clone all of whose agreements are disabled.
// caller is proved. Faults: Forbidden not_a_member, agreement_disabled; NotFound.
func (f *Feed) KeyBox(ctx context.Context, caller, purpose string) (sealed []byte, err error) {
	err = f.c.Log.View(ctx, func(s *journal.Snapshot) error {
		if err := mayHaveKeys(s, caller); err != nil {
			return err
		}
		body, found, err := s.Body(mdc.KeysetKind(), purpose)
		if err != nil {
			return err
		}
		if !found {
			return fault.New(fault.NotFound, "not_found", "There are no cookie keys of that purpose here.")
		}
		o, err := s.Get(mdc.DataCenterKeyKind(), caller)
		if err != nil {
			return err
		}
		k, err := mdc.As[*mdc.DataCenterKey](o)
		if err != nil {
			return err
		}
		sealed, err = f.c.Keys.Seal(k.PublicKey, body, boxContext(boxKind, purpose, mdc.FoldName(f.c.ClusterID), mdc.FoldName(caller)))
		return err
	})
	return sealed, err
}

func mayHaveKeys(s *journal.Snapshot, caller string) error {
	if _, known, err := s.Body(mdc.DataCenterKeyKind(), caller); err != nil || !known {
		if err != nil {
			return err
		}
		return fault.New(fault.Forbidden, "not_a_member", "%s is no member of this topology: it has no replication agreement, so it gets no cookie keys.", caller)
	}
	kind := mdc.AgreementKind()
	disabled, enabled := false, false
	err := s.Range(kind, "", func(_ string, body []byte) error {
		o, err := kind.Decode(body)
		if a, ok := o.(*mdc.Agreement); ok && a.Side == mdc.SideMaster && mdc.SameName(a.Target, caller) {
			enabled, disabled = enabled || a.Enabled, disabled || !a.Enabled
		}
		return err
	})
	if err == nil && disabled && !enabled {
		err = fault.New(fault.Forbidden, "agreement_disabled", "The replication agreement with %s is disabled here, so it gets no cookie keys.", caller)
	}
	return err
}

// OpenKeyBox opens what the data center from sealed for self.
func OpenKeyBox(k *Keys, from, self, purpose string, sealed []byte) (*mdc.Keyset, error) {
	plain, err := k.Open(sealed, boxContext(boxKind, purpose, mdc.FoldName(from), mdc.FoldName(self)))
	if err != nil {
		return nil, err
	}
	o, err := mdc.KeysetKind().Decode(plain)
	if err != nil {
		return nil, err
	}
	s, err := mdc.As[*mdc.Keyset](o)
	if err != nil {
		return nil, err
	}
	if s.Purpose != purpose {
		return nil, fault.New(fault.Forbidden, "wrong_answer", "%s answered with keys of another purpose.", from)
	}
	return s, fault.InvalidFields("The keys cannot be accepted.", s.Validate())
}
