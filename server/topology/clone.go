package topology

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// Install writes the clone's half for its source `caller`, or changes it when it is there, and waits for the first copy
// when the agreement is enabled, up to a minute. The caller is named by its certificate. Faults: Invalid; Forbidden
// management_not_allowed; Conflict not_a_clone, already_following, partner_missing, clone_not_empty, replication_stopped;
// Unavailable bootstrap_pending.
func (s *Agreements) Install(ctx context.Context, caller string, a mdc.Agreement) (Installed, error) {
	if err := s.acceptable(caller, a); err != nil {
		return Installed{}, err
	}
	a.Side = mdc.SideClone
	err := s.c.Log.Update(ctx, func(tx *journal.Tx) error {
		if err := s.admit(tx, caller, a); err != nil {
			return err
		}
		if err := s.identify(tx, a.Identifier); err != nil {
			return err
		}
		return s.put(tx, partnerActor(caller), a)
	})
	if err != nil {
		return Installed{}, err
	}
	if a.Enabled {
		waiting, cancel := context.WithTimeout(ctx, installTime-askTime) // the answer must reach a caller that waits installTime
		defer cancel()
		if err := s.c.Follower.Bootstrap(waiting, a.Identifier); err != nil {
			return Installed{}, err
		}
	}
	return s.installed(ctx, a)
}

func (s *Agreements) acceptable(caller string, a mdc.Agreement) error {
	fields := a.Validate()
	if !mdc.ValidName(a.Identifier) {
		fields = append(fields, fault.Field{Pointer: "/identifier", Detail: "is no valid name"})
	}
	if !mdc.SameName(a.Target, s.c.ClusterID) {
		fields = append(fields, fault.Field{Pointer: "/target", Detail: fmt.Sprintf("is not %q, the data center that answers", s.c.ClusterID)})
	}
	if err := fault.InvalidFields("The replication agreement cannot be accepted.", fields); err != nil {
		return err
	}
	if !mdc.SameName(a.Source, caller) {
		return fault.New(fault.Forbidden, "not_source", "Only %s itself can make %s its clone.", a.Source, s.c.ClusterID)
	}
	return nil
}

// admit says whether this data center may follow caller. An older half with the same source gives way: it is the source's
// to decide.
func (s *Agreements) admit(tx *journal.Tx, caller string, a mdc.Agreement) error {
	if err := s.mayBeManaged(&tx.Snapshot, caller); err != nil {
		return err
	}
	list, err := all(&tx.Snapshot)
	if err != nil {
		return err
	}
	known := false
	for _, other := range list {
		switch {
		case !mdc.SameName(other.Source, caller):
			return fault.New(fault.Conflict, "already_following", "%s is in the replication agreement %s between %s and %s already.", s.c.ClusterID, other.Identifier, other.Source, other.Target)
		case other.Identifier == a.Identifier:
			known = true
		default:
			known = true
			if err := drop(tx, s.c.Identities, partnerActor(caller), other.Identifier); err != nil {
				return err
			}
		}
	}
	if known || a.Overwrite {
		return nil
	}
	own, err := ownObjects(&tx.Snapshot, caller)
	if err == nil && own > 0 {
		return notEmpty(s.c.ClusterID, own)
	}
	return err
}

func (s *Agreements) mayBeManaged(v *journal.Snapshot, caller string) error {
	p, err := partner(v, caller)
	if err != nil {
		return err
	}
	if p == nil {
		return partnerMissing(s.c.ClusterID, caller, "/source")
	}
	d, err := v.DataCenter()
	if err != nil {
		return err
	}
	if d.Role != mdc.RoleClone {
		return fault.New(fault.Conflict, "not_a_clone", "%s is %s; declare role = \"clone\" on %s first.", s.c.ClusterID, d.Role, s.c.ClusterID)
	}
	o, err := v.Get(mdc.PartnerProfileKind(), mdc.SingletonName)
	if err != nil {
		return err
	}
	profile, err := mdc.As[*mdc.PartnerProfile](o)
	if err != nil {
		return err
	}
	if !profile.AllowManagement {
		return fault.New(fault.Forbidden, "management_not_allowed", "The partner profile of %s does not allow management; set allow_management = true on %s.", s.c.ClusterID, s.c.ClusterID)
	}
	return nil
}

// Change changes enabled, poll_interval, follow and wait_for_sync of the clone's half for its source. fault.NotFound.
func (s *Agreements) Change(ctx context.Context, caller string, a mdc.Agreement) (Installed, error) {
	if err := s.acceptable(caller, a); err != nil {
		return Installed{}, err
	}
	var half mdc.Agreement
	err := s.c.Log.Update(ctx, func(tx *journal.Tx) (err error) {
		if half, err = s.halfOf(tx, caller, a.Identifier); err != nil {
			return err
		}
		was := half
		half.Enabled, half.PollInterval, half.Follow, half.WaitForSync = a.Enabled, a.PollInterval, a.Follow, a.WaitForSync
		if half == was {
			return nil
		}
		if was.Enabled || !half.Enabled {
			return s.put(tx, partnerActor(caller), half)
		}
		if _, err := s.c.Identities.Make(tx.Writer(), half.Identifier); err != nil { // its answer tells the source
			return err
		}
		return s.put(tx, partnerActor(caller), half)
	})
	if err != nil {
		return Installed{}, err
	}
	return s.installed(ctx, half)
}

// Remove ends the clone's half for its source. fault.NotFound, Conflict agreement_enabled.
func (s *Agreements) Remove(ctx context.Context, caller, identifier string) error {
	return s.c.Log.Update(ctx, func(tx *journal.Tx) error {
		half, err := s.halfOf(tx, caller, identifier)
		if err != nil {
			return err
		}
		if half.Enabled {
			return stillEnabled(s.c.ClusterID, identifier)
		}
		return s.endFollowing(tx, partnerActor(caller), half)
	})
}

// halfOf gives the clone's half of an agreement with caller; one with somebody else is as good as none.
func (s *Agreements) halfOf(tx *journal.Tx, caller, identifier string) (mdc.Agreement, error) {
	half, err := read(&tx.Snapshot, identifier)
	if err == nil && (half.Side != mdc.SideClone || !mdc.SameName(half.Source, caller)) {
		return half, fault.New(fault.NotFound, "not_found", "There is no replication agreement %q with %s here.", identifier, caller)
	}
	return half, err
}

func (s *Agreements) installed(ctx context.Context, a mdc.Agreement) (out Installed, err error) {
	if out.State, _, _, err = s.c.Follower.Progress(ctx, a); err != nil {
		return out, err
	}
	out.Kept = s.c.Follower.Kept(a.Identifier)
	err = s.c.Log.View(ctx, func(v *journal.Snapshot) error {
		if out.Position, err = v.Position(); err != nil {
			return err
		}
		out.Identity, err = s.c.Identities.Hash(v.Reader(), a.Identifier)
		return err
	})
	return out, err
}

const endedKey = "t/c"

// ended is where the last agreement that was followed here ended.
type ended struct {
	Source string       `json:"source"`
	At     mdc.Position `json:"at"`
}

// endFollowing deletes the clone's half and notes whose objects are here.
func (s *Agreements) endFollowing(tx *journal.Tx, actor Actor, half mdc.Agreement) error {
	pos, err := tx.Position()
	if err != nil {
		return err
	}
	b, err := json.Marshal(ended{Source: half.Source, At: pos})
	if err != nil {
		return fmt.Errorf("encode end of agreement: %w", err)
	}
	if err := tx.Writer().Put([]byte(endedKey), b, 0); err != nil {
		return err
	}
	if err := drop(tx, s.c.Identities, actor, half.Identifier); err != nil {
		return err
	}
	return s.audit(tx, actor, journal.Delete, half.Identifier)
}

// Follows gives the cluster id of the master that this data center has an agreement with as its clone; "" for none.
func (s *Agreements) Follows(ctx context.Context) (string, error) {
	list, err := s.all(ctx)
	for _, a := range list {
		if a.Side == mdc.SideClone {
			return a.Source, err
		}
	}
	return "", err
}

// OwnObjects counts the replicated objects here that would be lost if asker's copy replaced them: those that an
// administrator made here. What was copied from asker and not changed since is not counted; while this data center is in
// an agreement, or is no possible clone, it gives 0 without counting, since then another rule decides.
func (s *Agreements) OwnObjects(ctx context.Context, asker string) (n uint64, err error) {
	err = s.c.Log.View(ctx, func(v *journal.Snapshot) error {
		d, err := v.DataCenter()
		if err != nil || d.Role == mdc.RoleMaster {
			return err
		}
		list, err := all(v)
		if err != nil || len(list) > 0 {
			return err
		}
		pos, err := v.Position()
		if err != nil {
			return err
		}
		if copied, err := copiedFrom(v, pos, asker); err != nil || copied {
			return err
		}
		n, err = s.recount(v, pos)
		return err
	})
	return n, err
}

// recount counts once for each position: partners ask every few seconds.
func (s *Agreements) recount(v *journal.Snapshot, pos mdc.Position) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.counted == pos {
		return s.count, nil
	}
	n, err := countObjects(v)
	if err == nil {
		s.counted, s.count = pos, n
	}
	return n, err
}

func ownObjects(v *journal.Snapshot, asker string) (uint64, error) {
	pos, err := v.Position()
	if err != nil {
		return 0, err
	}
	if copied, err := copiedFrom(v, pos, asker); err != nil || copied {
		return 0, err
	}
	return countObjects(v)
}

// copiedFrom says whether the objects here are those that came from source, untouched since.
func copiedFrom(v *journal.Snapshot, pos mdc.Position, source string) (bool, error) {
	b, err := v.Reader().Get([]byte(endedKey))
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read end of agreement: %w", err)
	}
	var e ended
	if err := json.Unmarshal(b, &e); err != nil {
		return false, fmt.Errorf("decode end of agreement: %w", err)
	}
	return mdc.SameName(e.Source, source) && e.At == pos, nil
}

// countObjects leaves out what a data center makes by itself.
func countObjects(v *journal.Snapshot) (n uint64, err error) {
	for _, kind := range mdc.Kinds() {
		if kind.Scope != mdc.Replicated || kind.Secret || kind.Name == mdc.DataCenterKeyKind().Name || kind.Name == mdc.PromotionKind().Name {
			continue
		}
		err := v.Range(kind, "", func(string, []byte) error {
			n++
			return nil
		})
		if err != nil {
			return n, err
		}
	}
	return n, nil
}
