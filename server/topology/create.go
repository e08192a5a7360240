package topology

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/failpoint"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

const pendingPrefix = "t/p/"

// Create makes an agreement at its master and returns when the clone has its first copy (OAM-50, OAM-55). It checks both
// data centers first, writes this half, then has the clone write its own. A refusal of the clone takes this half back. When
// the outcome is not known (the link broke, the copy takes longer than a minute) the half stays, and the same call made
// again goes on where it ended.
//
// Faults: Invalid; Conflict with the codes wrong_data_center, not_master, partner_missing, agreement_exists, wrong_cluster,
// wrong_agent_id, second_master, not_a_clone, clone_not_empty, already_following, contended; Forbidden
// management_not_allowed; Unavailable partner_unreachable, bootstrap_pending.
func (s *Agreements) Create(ctx context.Context, actor Actor, in mdc.Agreement) (View, error) {
	if err := fault.InvalidFields("The replication agreement cannot be accepted.", in.Validate()); err != nil {
		return View{}, err
	}
	release, err := s.claim(in.Target)
	if err != nil {
		return View{}, err
	}
	defer release()
	target, half, err := s.plan(ctx, in)
	if err != nil {
		return View{}, err
	}
	hello, err := s.meet(ctx, target, half, in.Overwrite)
	if err != nil {
		return View{}, err
	}
	if half, err = s.writeHalf(ctx, actor, in, target.ClusterID, half,
		mdc.DataCenterKey{ClusterID: target.ClusterID, PublicKey: hello.PublicKey, MastershipKey: hello.MastershipKey}); err != nil {
		return View{}, err
	}
	failpoint.Here("agree.half")
	kept, err := s.complete(ctx, actor, *half)
	if err != nil {
		return View{}, err
	}
	failpoint.Here("agree.whole")
	v, err := s.Get(ctx, half.Identifier)
	v.Kept = kept
	return v, err
}

// claim lets one creation for a target run at a time.
func (s *Agreements) claim(target string) (release func(), err error) {
	key := mdc.FoldName(target)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.making[key] {
		return nil, fault.New(fault.Conflict, "contended", "An agreement with %s is being created right now; try again.", target)
	}
	s.making[key] = true
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.making, key)
	}, nil
}

// plan checks what can be known here. half is the one that an interrupted creation left, or nil.
func (s *Agreements) plan(ctx context.Context, in mdc.Agreement) (target *mdc.Partner, half *mdc.Agreement, err error) {
	err = s.c.Log.View(ctx, func(v *journal.Snapshot) error {
		if err := s.isMaster(v, in); err != nil {
			return err
		}
		if target, err = partner(v, in.Target); err != nil {
			return err
		}
		if target == nil {
			return partnerMissing(s.c.ClusterID, in.Target, "/target")
		}
		half, err = s.present(v, in)
		return err
	})
	return target, half, err
}

func (s *Agreements) isMaster(v *journal.Snapshot, in mdc.Agreement) error {
	if !mdc.SameName(in.Source, s.c.ClusterID) {
		f := fault.New(fault.Conflict, "wrong_data_center", "An agreement is created at its source, %s; the data center that answers is %s.", in.Source, s.c.ClusterID)
		f.Fields = []fault.Field{{Pointer: "/source", Detail: fmt.Sprintf("is not %q; use the provider alias of %s", s.c.ClusterID, in.Source)}}
		return f
	}
	d, err := v.DataCenter()
	if err == nil && d.Role != mdc.RoleMaster {
		return fault.New(fault.Conflict, "not_master", "%s is a %s; declare role = \"master\" on it first.", s.c.ClusterID, d.Role)
	}
	return err
}

// partnerMissing says on which data center which partner is missing (X6).
func partnerMissing(at, missing, pointer string) error {
	f := fault.New(fault.Conflict, "partner_missing", "%s is not registered as a partner on %s; register it there first.", missing, at)
	f.Fields = []fault.Field{{Pointer: pointer, Detail: fmt.Sprintf("there is no partner %q on %s", missing, at)}}
	return f
}

// present finds an agreement with the same target: half made and of the same name it is gone on with, otherwise it is in
// the way, since a pair has one agreement.
func (s *Agreements) present(v *journal.Snapshot, in mdc.Agreement) (*mdc.Agreement, error) {
	list, err := all(v)
	if err != nil {
		return nil, err
	}
	for _, a := range list {
		if a.Side != mdc.SideMaster || !mdc.SameName(a.Target, in.Target) {
			continue
		}
		pending, err := isPending(v, a.Identifier)
		if err != nil {
			return nil, err
		}
		if pending && a.Name == in.Name {
			return &a, nil
		}
		return nil, fault.New(fault.Conflict, "agreement_exists", "There is an agreement between %s and %s already: %q, identifier %s.", a.Source, a.Target, a.Name, a.Identifier)
	}
	return nil, nil
}

// meet asks the target who it is, and refuses what could not become its clone.
func (s *Agreements) meet(ctx context.Context, target *mdc.Partner, half *mdc.Agreement, overwrite bool) (Hello, error) {
	if err := s.paired(ctx, target.ClusterID); err != nil {
		return Hello{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	h, err := s.c.Link.Hello(ctx, target.ClusterID)
	if err != nil {
		return h, s.unmet(target.ClusterID, err)
	}
	if err := s.sameMode(ctx, target, h); err != nil {
		return h, err
	}
	id := target.ClusterID
	switch {
	case !mdc.SameName(h.ClusterID, id):
		return h, fault.New(fault.Conflict, "wrong_cluster", "At the addresses of %s answers %s; correct the partner's addresses.", id, h.ClusterID)
	case h.Role == mdc.RoleMaster:
		return h, fault.New(fault.Conflict, "second_master", "%s is a master itself, and a topology has one. Declare role = \"standalone\" on %s, then role = \"clone\".", id, id)
	case h.Role != mdc.RoleClone:
		return h, fault.New(fault.Conflict, "not_a_clone", "%s is %s; declare role = \"clone\" on %s first.", id, h.Role, id)
	case h.AgentID != target.AgentID:
		return h, fault.New(fault.Conflict, "wrong_agent_id", "The partner profile of %s has the agent_id %q, the partner is registered here with %q.", id, h.AgentID, target.AgentID)
	case !h.AllowManagement:
		return h, fault.New(fault.Forbidden, "management_not_allowed", "The partner profile of %s does not allow management; set allow_management = true on %s.", id, id)
	case h.Objects > 0 && !overwrite && half == nil:
		return h, notEmpty(id, h.Objects)
	case len(h.PublicKey) != 32 || len(h.MastershipKey) != 32 && len(h.MastershipKey) != 0:
		return h, fmt.Errorf("meet %s: its public keys have %d and %d bytes", id, len(h.PublicKey), len(h.MastershipKey))
	}
	return h, nil
}

// paired waits for the exchange of roots, which the two data centers make by themselves once both know each other.
func (s *Agreements) paired(ctx context.Context, target string) error {
	if s.c.Await == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, pairTime)
	defer cancel()
	return s.c.Await(ctx, target)
}

// pairTime bounds how long an agreement waits for a pairing that may be under way.
const pairTime = 20 * time.Second

// sameMode refuses data centers that are not in one security mode (OAM-41, MSS-06).
func (s *Agreements) sameMode(ctx context.Context, target *mdc.Partner, h Hello) error {
	return s.c.Log.View(ctx, func(v *journal.Snapshot) error {
		own, err := v.DataCenter()
		if err != nil {
			return err
		}
		if m := mode(own, target, h.SecurityMode); !m.Pass {
			return fault.New(fault.Conflict, codeModeMismatch, "%s", sentence(m.Detail))
		}
		return nil
	})
}

const codeModeMismatch = "mode_mismatch"

func notEmpty(clone string, objects uint64) error {
	return fault.New(fault.Conflict, "clone_not_empty",
		"%s holds %d configuration objects of its own, which the copy would replace. Set overwrite = true to accept that, or remove them.", clone, objects)
}

// unmet words why a partner gave no hello.
func (s *Agreements) unmet(target string, err error) error {
	if fault.CodeOf(err) == codeModeMismatch {
		return &fault.Error{Kind: fault.Conflict, Code: codeModeMismatch, Message: safe(err), Err: err}
	}
	if fault.Is(err, fault.Forbidden) || fault.Is(err, fault.Unauthenticated) {
		f := fault.New(fault.Conflict, "partner_missing", "%s does not accept %s: register the partner %s and its trusted certificate on %s first.", target, s.c.ClusterID, s.c.ClusterID, target)
		f.Err = err
		return f
	}
	return unreachable(target, "partner_unreachable", "", err)
}

// worded gives a partner's refusal as it may be shown here. That the partner does not know us must not look as if the
// administrator had no right.
func (s *Agreements) worded(target string, err error) error {
	if code := fault.CodeOf(err); code == "management_not_allowed" || code == "not_source" {
		return err
	}
	if fault.Is(err, fault.Forbidden) || fault.Is(err, fault.Unauthenticated) {
		return s.unmet(target, err)
	}
	return err
}

func unreachable(target, code, also string, err error) error {
	f := fault.New(fault.Unavailable, code, "%s cannot be reached (%s).%s", target, safe(err), also)
	f.Err = err
	return f
}

// safe gives the part of an error that may be shown.
func safe(err error) string {
	if f, ok := asFault(err); ok {
		return f.Message
	}
	return "no answer over the peer link"
}

// writeHalf writes the master's half, marked as half made, the keys of both data centers, and an epoch of this master's own.
func (s *Agreements) writeHalf(ctx context.Context, actor Actor, in mdc.Agreement, target string, half *mdc.Agreement, key mdc.DataCenterKey) (*mdc.Agreement, error) {
	next := in
	next.Source, next.Target, next.Side = s.c.ClusterID, target, mdc.SideMaster
	if half != nil {
		next.Identifier = half.Identifier
	} else {
		next.Identifier = newIdentifier(next.Source, next.Target)
	}
	err := s.c.Log.Update(ctx, func(tx *journal.Tx) error {
		if err := s.unchanged(tx, in, half); err != nil {
			return err
		}
		if err := s.c.MayJoin(&tx.Snapshot); err != nil {
			return err
		}
		tx.Alone() // the clone has nothing yet, and its own first copy brings it this change
		if err := s.ownEpoch(tx, actor); err != nil {
			return err
		}
		if err := putKey(tx, actor, mdc.DataCenterKey{ClusterID: s.c.ClusterID, PublicKey: s.c.PublicKey, MastershipKey: s.c.Signer.Public()}); err != nil {
			return err
		}
		if err := putKey(tx, actor, key); err != nil {
			return err
		}
		pos, err := tx.Position()
		if err != nil {
			return err
		}
		next.StartingSequence = pos.Sequence
		if err := tx.Writer().Put([]byte(pendingPrefix+next.Identifier), []byte{1}, 0); err != nil {
			return err
		}
		return s.put(tx, actor, next)
	})
	return &next, err
}

// unchanged repeats the checks of plan inside the transaction.
func (s *Agreements) unchanged(tx *journal.Tx, in mdc.Agreement, half *mdc.Agreement) error {
	if err := s.isMaster(&tx.Snapshot, in); err != nil {
		return err
	}
	p, err := partner(&tx.Snapshot, in.Target)
	if err != nil {
		return err
	}
	if p == nil {
		return partnerMissing(s.c.ClusterID, in.Target, "/target")
	}
	now, err := s.present(&tx.Snapshot, in)
	if err == nil && (now == nil) != (half == nil) {
		return fault.New(fault.Conflict, "contended", "The agreement was changed by somebody else; try again.")
	}
	return err
}

// ownEpoch begins an epoch of this data center's own when its journal is one that it copied while it was a clone: two
// masters must never go on in one epoch.
func (s *Agreements) ownEpoch(tx *journal.Tx, actor Actor) error {
	pos, err := tx.Position()
	if err != nil || pos.Epoch.ClusterID == s.c.ClusterID {
		return err
	}
	_, err = begin(tx, s.c.Signer, s.c.Clock.Now(), mdc.Epoch{Number: pos.Epoch.Number + 1, ClusterID: s.c.ClusterID}, false, actor)
	return err
}

// putKey keeps the public keys of a member. An older version that shows no mastership key does not take away the one known.
func putKey(tx *journal.Tx, actor Actor, k mdc.DataCenterKey) error {
	kind := mdc.DataCenterKeyKind()
	body, found, err := tx.Body(kind, k.ClusterID)
	if err != nil {
		return err
	}
	if o, err := kind.Decode(body); found && err == nil && len(k.MastershipKey) == 0 {
		if old, ok := o.(*mdc.DataCenterKey); ok && bytes.Equal(old.PublicKey, k.PublicKey) {
			k.MastershipKey = old.MastershipKey
		}
	}
	want, err := mdc.Encode(&k)
	if err != nil || found && bytes.Equal(want, body) {
		return err
	}
	return tx.Put(kind, &k, actor.Name)
}

// complete has the clone write its half and wait for its first copy, then takes the mark away. It gives the name of the file in
// which the clone keeps what the copy replaced.
func (s *Agreements) complete(ctx context.Context, actor Actor, half mdc.Agreement) (kept string, err error) {
	asking, cancel := context.WithTimeout(ctx, installTime)
	defer cancel()
	done, err := s.c.Link.InstallAgreement(asking, half.Target, half)
	if err == nil {
		if done.Kept != "" {
			s.c.Logger.Warn("the clone keeps objects of its own that the copy replaced", "clone", half.Target, "agreement", half.Identifier, "file", done.Kept)
		}
		if err := s.c.Feed.Acknowledge(ctx, half.Identifier, done.Position); err != nil {
			return "", err
		}
		return done.Kept, s.c.Log.Update(ctx, func(tx *journal.Tx) error {
			if _, err := s.c.Identities.Register(tx.Writer(), half.Identifier, done.Identity); err != nil {
				return err
			}
			return tx.Writer().Delete([]byte(pendingPrefix + half.Identifier))
		})
	}
	if refused(err) {
		return "", s.takeBack(ctx, actor, half, s.worded(half.Target, err))
	}
	if f, ok := asFault(err); ok {
		return "", f
	}
	return "", unreachable(half.Target, "partner_unreachable", " The agreement is half made; apply again to complete it.", err)
}

// refused says whether the clone decided against the agreement and wrote nothing.
func refused(err error) bool {
	if fault.CodeOf(err) == "replication_stopped" {
		return false // its half is there
	}
	switch fault.KindOf(err) {
	case fault.Invalid, fault.Forbidden, fault.Unauthenticated, fault.NotFound, fault.Conflict, fault.Precondition, fault.TooLarge:
		return true
	}
	return false
}

// takeBack removes the master's half after a refusal, also when the caller has gone away meanwhile.
func (s *Agreements) takeBack(ctx context.Context, actor Actor, half mdc.Agreement, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTime)
	defer cancel()
	if err := s.dropHalf(ctx, actor, half, true); err != nil {
		s.c.Logger.Error("cannot take back half an agreement", "agreement", half.Identifier, "error", err)
	}
	return cause
}

// newIdentifier gives `<source>-<target>-<8 hex digits>`; long cluster ids are cut so that it stays a valid name.
func newIdentifier(source, target string) string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return cut(source) + "-" + cut(target) + "-" + hex.EncodeToString(b[:])
}

func cut(id string) string { return id[:min(len(id), 48)] }
