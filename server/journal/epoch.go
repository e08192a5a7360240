package journal

import (
	"errors"
	"fmt"
	"slices"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Raise begins p's epoch: p becomes the first record of it. Its base must be the present position.
func (t *Tx) Raise(p *mdc.Promotion, actor string) error {
	pos, err := t.position()
	if err != nil {
		return err
	}
	if p.Base != pos.Position || !pos.Epoch.Less(p.Epoch) {
		return fmt.Errorf("raise epoch: %s from %s at sequence %d does not follow %s at %d", p.Epoch, p.Base.Epoch, p.Base.Sequence, pos.Epoch, pos.Sequence)
	}
	body, err := mdc.Encode(p)
	if err != nil {
		return err
	}
	kind := mdc.PromotionKind()
	if err := t.object(kind, kind.Key(p.ObjectName()), Put, body, nil); err != nil {
		return err
	}
	pos.Epoch = p.Epoch
	t.changes = append(t.changes, Change{Kind: "data_center", Name: mdc.SingletonName})
	return t.append(kind, Record{Sequence: pos.Sequence + 1, Epoch: p.Epoch, Time: t.l.c.Clock.Now(), Actor: actor,
		Kind: kind.Name, Name: kind.Key(p.ObjectName()), Operation: Put, Body: body, Digest: t.lanes.String()})
}

// follows moves to rec's epoch when rec is the promotion that begins it exactly where this state stands. Any other record of
// another epoch is left for Apply to refuse.
func (t *Tx) follows(rec Record) error {
	pos, err := t.position()
	if err != nil {
		return err
	}
	kind := mdc.PromotionKind()
	if rec.Epoch == pos.Epoch || rec.Kind != kind.Name || rec.Operation != Put {
		return nil
	}
	o, err := kind.Decode(rec.Body)
	if err != nil {
		return fmt.Errorf("apply record %d: %w", rec.Sequence, err)
	}
	if p, ok := o.(*mdc.Promotion); ok && p.Epoch == rec.Epoch && p.Base == pos.Position && pos.Epoch.Less(p.Epoch) && kind.Key(p.ObjectName()) == rec.Name {
		pos.Epoch = p.Epoch
	}
	return nil
}

// maxPromotions bounds a chain: that many masterships no topology sees.
const maxPromotions = 100_000

// Promotions gives the chain of epochs that led to the present one, oldest first. The first epoch of a data center has none.
func (s *Snapshot) Promotions() ([]mdc.Promotion, error) {
	pos, err := s.position()
	if err != nil {
		return nil, err
	}
	kind, all := mdc.PromotionKind(), map[mdc.Epoch]mdc.Promotion{}
	err = s.Range(kind, "", func(_ string, body []byte) error {
		o, err := kind.Decode(body)
		if err != nil {
			return err
		}
		p, ok := o.(*mdc.Promotion)
		if !ok || len(all) >= maxPromotions {
			return errors.New("read promotions: too many")
		}
		all[p.Epoch] = *p
		return nil
	})
	var chain []mdc.Promotion
	for e, ok := pos.Epoch, true; ok && err == nil; {
		var p mdc.Promotion
		if p, ok = all[e]; ok {
			delete(all, e) // no circle, whatever is written there
			chain, e = append(chain, p), p.Base.Epoch
		}
	}
	slices.Reverse(chain)
	return chain, err
}

// Misfit says why a position does not lie on this journal, "" when it does: then the records after it continue it. It may be
// one of an earlier epoch, up to where the present one parted from that. Equal digests at a sequence prove equal objects;
// anything else is not guessed at.
func (s *Snapshot) Misfit(at mdc.Position) (string, error) {
	pos, err := s.position()
	if err != nil {
		return "", err
	}
	end := pos.Position
	if at.Epoch != pos.Epoch {
		chain, err := s.Promotions()
		if err != nil {
			return "", err
		}
		i := slices.IndexFunc(chain, func(p mdc.Promotion) bool { return p.Base.Epoch == at.Epoch })
		if i < 0 {
			return fmt.Sprintf("the clone stands in epoch %s, the master in %s", at.Epoch, pos.Epoch), nil
		}
		end = chain[i].Base
	}
	if at.Sequence > end.Sequence {
		return fmt.Sprintf("the clone stands at sequence %d, the master at %d", at.Sequence, end.Sequence), nil
	}
	digest, found, err := s.DigestAt(at.Sequence)
	switch {
	case err != nil:
		return "", err
	case !found:
		return fmt.Sprintf("the journal no longer reaches back to sequence %d", at.Sequence), nil
	case digest != at.Digest:
		return fmt.Sprintf("the digests at sequence %d differ", at.Sequence), nil
	}
	return "", nil
}

// Rewritten says that this journal has other changes up to a position of its own epoch than who stands there. In one epoch a
// journal only grows: it was cut off behind the other's back, as by an old backup, and went on.
func (s *Snapshot) Rewritten(at mdc.Position) (bool, error) {
	pos, err := s.Position()
	if err != nil || at.Epoch != pos.Epoch || at.Sequence > pos.Sequence {
		return false, err
	}
	digest, found, err := s.DigestAt(at.Sequence)
	return found && digest != at.Digest, err
}
