package journal

import (
	"fmt"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// Mend writes an object as the journal says it is, where the store holds something else; body nil removes what the journal
// knows nothing of. Neither a record nor the position nor the rolling digest changes: that stands for what should be here.
// name is taken as it lies in the store, whatever it is.
func (t *Tx) Mend(kindName, name string, body []byte) error {
	kind, ok := t.l.kinds[kindName]
	if !ok || kind.Scope != mdc.Replicated {
		return fmt.Errorf("mend %s %s: kind not known to this version", kindName, name)
	}
	p, err := t.position()
	if err != nil {
		return err
	}
	t.changes = append(t.changes, Change{Kind: kindName, Name: name})
	t.forget(kind)
	key := append(kindPrefix(kind, p.Generation), name...)
	if body == nil {
		return t.w.Delete(key)
	}
	rest, err := t.l.atRest(kind, name, body)
	if err != nil {
		return err
	}
	return t.w.Put(key, rest, 0)
}

// Touched gives the objects, as "kind\x00name", that the records after a position changed. found is false when the journal
// does not continue that position.
func (s *Snapshot) Touched(since mdc.Position) (touched map[string]bool, found bool, err error) {
	why, err := s.Misfit(since)
	if err != nil || why != "" {
		return nil, false, err
	}
	p, err := s.position()
	if err != nil {
		return nil, false, err
	}
	touched = map[string]bool{}
	span := store.Span{Prefix: generationPrefix(recordSpace, p.Generation), After: recordKey(p.Generation, since.Sequence)}
	err = s.r.Range(span, func(_, v []byte) error {
		rec, err := s.l.decode(v)
		touched[rec.Kind+"\x00"+rec.Name] = true
		return err
	})
	return touched, err == nil, err
}
