package topology

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

const (
	latestKey    = "t/e"  // the latest epoch that was proved here, which may be later than that of the copy
	yieldedKey   = "t/y"  // to whom mastership was given up
	followPrefix = "t/f/" // agreements whose master may not have its half yet, or not the clone's credential
)

// yielded says that mastership was given up for somebody who has not taken over yet.
type yielded struct {
	To string       `json:"to"`
	At mdc.Position `json:"at"`
}

// situation is all that a decision about mastership looks at.
type situation struct {
	role    string
	ours    lineage
	latest  mdc.Epoch // proved, at least that of ours
	yielded yielded
	halves  []mdc.Agreement
	edits   int // objects that were changed on this clone and differ from its master's
}

func look(v *journal.Snapshot) (s situation, err error) {
	d, err := v.DataCenter()
	if err != nil {
		return s, err
	}
	if s.ours, err = lineageOf(v); err != nil {
		return s, err
	}
	if s.halves, err = all(v); err != nil {
		return s, err
	}
	if s.edits, err = v.EditCount(); err != nil {
		return s, err
	}
	s.role, s.latest = d.Role, s.ours.at.Epoch
	var proved mdc.Epoch
	if found, err := readKey(v.Reader(), latestKey, &proved); err != nil {
		return s, err
	} else if found && s.latest.Less(proved) {
		s.latest = proved
	}
	_, err = readKey(v.Reader(), yieldedKey, &s.yielded)
	if s.role == mdc.RoleMaster || s.yielded.At != s.ours.at {
		s.yielded = yielded{}
	}
	return s, err
}

func (m *Mastership) situation(ctx context.Context) (s situation, err error) {
	err = m.c.Log.View(ctx, func(v *journal.Snapshot) error {
		s, err = look(v)
		return err
	})
	return s, err
}

// source is the master that is followed here, with its agreement; nil when none is.
func (s *situation) source() *mdc.Agreement {
	for i := range s.halves {
		if s.halves[i].Side == mdc.SideClone {
			return &s.halves[i]
		}
	}
	return nil
}

func readKey(r store.Reader, key string, into any) (found bool, err error) {
	b, err := r.Get([]byte(key))
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err == nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		return false, fmt.Errorf("read %s: %w", key, err)
	}
	return true, nil
}

func writeKey(w store.Writer, key string, value any) error {
	b, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encode %s: %w", key, err)
	}
	return w.Put([]byte(key), b, 0)
}
