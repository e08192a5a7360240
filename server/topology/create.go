package topology

import (
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
	if err := s.paired(ctx, target.ClusterID); err != nil {
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

// Rehearse checks what Create would check before it writes, and writes nothing: the agreement, this data center, and the target as far
// as it answers. It gives the agreement as it would be, without identifier. One
// for a target runs at a time, so that nobody makes this node knock at a partner without end. Faults: those of Create but bootstrap_pending, and
// Unavailable contended.
func (s *Agreements) Rehearse(ctx context.Context, in mdc.Agreement) (View, error) {
	if err := fault.InvalidFields("The replication agreement cannot be accepted.", in.Validate()); err != nil {
		return View{}, err
	}
	release, err := s.claimFor("rehearsal/", in.Target) // who may only plan is not in the way of a creation
	if err != nil {
		f := fault.New(fault.Unavailable, "contended", "An agreement with %s is being checked right now; try again in a second.", in.Target)
		f.RetryAfter = time.Second
		return View{}, f
	}
	defer release()
	target, half, err := s.plan(ctx, in)
	if err == nil {
		_, err = s.meet(ctx, target, half, in.Overwrite)
	}
	return View{Agreement: in}, err
}

// claim lets one creation for a target run at a time.
func (s *Agreements) claim(target string) (release func(), err error) { return s.claimFor("", target) }

func (s *Agreements) claimFor(what, target string) (release func(), err error) {
	key := what + mdc.FoldName(target)
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
	if err == nil && d.Role == mdc.RoleClone {
		return at("/source", "is a clone", fault.New(fault.Conflict, "not_master", "%s is a clone, and an agreement is declared at the master; only a promotion makes the one of the other.", s.c.ClusterID))
	}
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
