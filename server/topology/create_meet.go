package topology

import (
	"context"
	"fmt"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// meet asks the target who it is, and refuses what could not become its clone.
func (s *Agreements) meet(ctx context.Context, target *mdc.Partner, half *mdc.Agreement, overwrite bool) (Hello, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	h, err := s.hello(ctx, target.ClusterID)
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
		return h, at("/target", "is a master", fault.New(fault.Conflict, "second_master", "%s is a master itself, and a topology has one. Declare role = \"standalone\" on %s, then role = \"clone\".", id, id))
	case h.Role != mdc.RoleClone:
		return h, fault.New(fault.Conflict, "not_a_clone", "%s is %s; declare role = \"clone\" on %s first.", id, h.Role, id)
	case h.Follows != "" && !mdc.SameName(h.Follows, s.c.ClusterID):
		return h, at("/target", "follows "+h.Follows, fault.New(fault.Conflict, "already_following", "%s is the clone of %s, and a clone has one master. Delete that agreement at %s first.", id, h.Follows, h.Follows))
	case h.AgentID != target.AgentID:
		return h, fault.New(fault.Conflict, "wrong_agent_id", "The partner profile of %s has the agent_id %q, the partner is registered here with %q.", id, h.AgentID, target.AgentID)
	case !h.AllowManagement:
		return h, fault.New(fault.Forbidden, "management_not_allowed", "The partner profile of %s does not allow management; set allow_management = true on %s.", id, id)
	case h.Objects > 0 && !overwrite && half == nil:
		return h, at("/overwrite", fmt.Sprintf("is needed: %s holds %d objects", id, h.Objects), notEmpty(id, h.Objects))
	case len(h.PublicKey) != 32 || len(h.MastershipKey) != 32 && len(h.MastershipKey) != 0:
		return h, fmt.Errorf("meet %s: its public keys have %d and %d bytes", id, len(h.PublicKey), len(h.MastershipKey))
	}
	return h, nil
}

// hello asks again who does not believe us a moment after an exchange of roots: the partner may not have pinned ours yet, or another node
// of it than the one that answers now.
func (s *Agreements) hello(ctx context.Context, target string) (Hello, error) {
	again := time.NewTicker(helloAgain)
	defer again.Stop()
	for {
		h, err := s.c.Link.Hello(ctx, target)
		if s.c.Settling == nil || !fault.Is(err, fault.Forbidden) && !fault.Is(err, fault.Unauthenticated) || !s.c.Settling(ctx, target) {
			return h, err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return h, err
		}
	}
}

const helloAgain = 100 * time.Millisecond

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

// at names the field of the agreement that a refusal is about.
func at(pointer, detail string, f *fault.Error) *fault.Error {
	f.Fields = []fault.Field{{Pointer: pointer, Detail: detail}}
	return f
}

func notEmpty(clone string, objects uint64) *fault.Error {
	return fault.New(fault.Conflict, "clone_not_empty",
		"%s holds %d %s of its own, which the copy would replace. Set overwrite = true to accept that, or remove %s.",
		clone, objects, plural(objects, "configuration object", "configuration objects"), plural(objects, "it", "them"))
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
