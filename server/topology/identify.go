package topology

import (
	"context"
	"fmt"

	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// drop deletes a half with its credential.
func drop(tx *journal.Tx, ids Identities, actor Actor, identifier string) error {
	if err := tx.Delete(mdc.AgreementKind(), identifier, actor.Name); err != nil {
		return err
	}
	return ids.Forget(tx.Writer(), identifier)
}

// identify makes the clone's credential where there is none: the answer to the source tells its SHA-256.
func (s *Agreements) identify(tx *journal.Tx, identifier string) error {
	hash, err := s.c.Identities.Hash(tx.Reader(), identifier)
	if err == nil && hash == nil {
		_, err = s.c.Identities.Make(tx.Writer(), identifier)
	}
	return err
}

// renew makes another credential for a clone's half that an administrator enables here, and marks that the master is to be told.
func (s *Agreements) renew(tx *journal.Tx, was, will mdc.Agreement) error {
	if will.Side != mdc.SideClone || was.Enabled || !will.Enabled {
		return nil
	}
	return introduce(tx, s.c.Identities, will.Identifier)
}

// introduce makes another credential for the clone's half, and marks that its master is to be told. What was known here of the
// former clone, when the half was turned round, goes.
func introduce(tx *journal.Tx, ids Identities, identifier string) error {
	if err := ids.Forget(tx.Writer(), identifier); err != nil {
		return err
	}
	if _, err := ids.Make(tx.Writer(), identifier); err != nil {
		return err
	}
	return mark(tx.Writer(), identifier)
}

func (m *Mastership) identity(ctx context.Context, identifier string) (hash []byte, err error) {
	err = m.c.Log.View(ctx, func(v *journal.Snapshot) error {
		hash, err = m.c.Identities.Hash(v.Reader(), identifier)
		return err
	})
	return hash, err
}

// Unknown has the master told again who asks by an agreement, because it does not know the credential that is shown. It does
// not block.
func (m *Mastership) Unknown(identifier string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.unknown) < 1000 {
		m.unknown[identifier] = true
	}
	m.work()
}

// introduceAll makes the credentials that clone's halves lack, as after an upgrade or when they were lost.
func (m *Mastership) introduceAll(ctx context.Context) {
	err := m.c.Log.Update(ctx, func(tx *journal.Tx) error {
		list, err := all(&tx.Snapshot)
		if err != nil {
			return err
		}
		for _, a := range list {
			if a.Side != mdc.SideClone {
				continue
			}
			hash, err := m.c.Identities.Hash(tx.Reader(), a.Identifier)
			if err != nil {
				return err
			}
			if hash != nil {
				continue
			}
			if err := introduce(tx, m.c.Identities, a.Identifier); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && ctx.Err() == nil {
		m.c.Logger.Error("cannot make the credential of a replication identity", "error", err)
	}
}

// remind marks what Unknown was told of.
func (m *Mastership) remind(ctx context.Context) {
	m.mu.Lock()
	unknown := m.unknown
	m.unknown = map[string]bool{}
	m.mu.Unlock()
	if len(unknown) == 0 {
		return
	}
	err := m.c.Log.Update(ctx, func(tx *journal.Tx) error {
		for id := range unknown {
			if err := mark(tx.Writer(), id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && ctx.Err() == nil {
		m.c.Logger.Warn("cannot note that a master is to be told of a replication identity", "error", err)
	}
}

func mark(w store.Writer, identifier string) error {
	if err := w.Put([]byte(followPrefix+identifier), []byte{1}, 0); err != nil {
		return fmt.Errorf("mark agreement %s: %w", identifier, err)
	}
	return nil
}
