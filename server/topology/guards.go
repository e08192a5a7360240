package topology

import (
	"fmt"
	"strings"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Guards gives the rules of the kinds that topology watches over, by kind name; app hands them to configuration. A guard
// sees the object as it was (nil when new) and as it shall be (nil when deleted), and does not write, but for the key of a
// partner that goes.
func Guards(clusterID string) map[string]func(tx *journal.Tx, was, will mdc.Object) error {
	return map[string]func(tx *journal.Tx, was, will mdc.Object) error{
		mdc.DataCenterKind().Name: dataCenterGuard(clusterID),
		mdc.PartnerKind().Name:    partnerGuard(clusterID),
	}
}

// dataCenterGuard lets the role move standalone -> master, standalone -> clone, and either -> standalone without
// agreements (OAM-02, OAM-03). An apply after an emergency must never turn a live master into a clone: between the two only
// Mastership moves, which writes past this guard.
func dataCenterGuard(clusterID string) func(tx *journal.Tx, was, will mdc.Object) error {
	return func(tx *journal.Tx, was, will mdc.Object) error {
		d, ok := will.(*mdc.DataCenter)
		if !ok {
			return nil
		}
		if d.ClusterID != clusterID {
			return wrongDataCenter(clusterID, d.ClusterID)
		}
		from := mdc.RoleStandalone
		if o, ok := was.(*mdc.DataCenter); ok && o != nil {
			from = o.Role
		}
		switch {
		case d.Role == from || from == mdc.RoleStandalone:
			return nil
		case d.Role == mdc.RoleStandalone:
			if err := unbound(&tx.Snapshot, clusterID); err != nil {
				return err
			}
			return unedited(&tx.Snapshot, clusterID)
		}
		verb := "promote"
		if from == mdc.RoleMaster {
			verb = "demote"
		}
		f := fault.New(fault.Conflict, "role_change",
			"%s is a %s and does not become a %s by declaration: two masters, or none, would be the risk. Use concord %s (POST /v1/data-center/%s) there; or delete its replication agreements, declare role = \"standalone\", then role = %q.",
			clusterID, from, d.Role, verb, verb, d.Role)
		f.Fields = []fault.Field{{Pointer: "/role", Detail: fmt.Sprintf("is %s now", from)}}
		return f
	}
}

func wrongDataCenter(ours, named string) error {
	f := fault.New(fault.Invalid, "wrong_data_center", "The data center that answers is %s, not %s. Use the endpoint of %s's own admin listener, or the provider alias that has it.", ours, named, named)
	f.Fields = []fault.Field{{Pointer: "/cluster_id", Detail: fmt.Sprintf("%q was asked for, but %q answers at this endpoint", named, ours)}}
	return f
}

// unbound refuses while there are agreements.
func unbound(s *journal.Snapshot, clusterID string) error {
	var names []string
	err := each(s, func(a *mdc.Agreement) error {
		names = append(names, a.Name+" ("+a.Identifier+")")
		return nil
	})
	if err != nil || len(names) == 0 {
		return err
	}
	return fault.New(fault.Conflict, "in_agreement", "%s is in the replication agreements %s; delete those first.", clusterID, strings.Join(names, ", "))
}

// unedited refuses while a clone holds changes of its own: nobody would know any more that they are not the master's.
func unedited(s *journal.Snapshot, clusterID string) error {
	n, err := s.EditCount()
	if err != nil || n == 0 {
		return err
	}
	return diverged(clusterID, n, "Only then can it be standalone")
}

// partnerGuard refuses a partner with our own id: after cloning a data center by copying it, both have one id (OAM-05). With a
// partner of the master goes its key, by which it counts as a member: it may be gone for good and in no agreement here.
func partnerGuard(clusterID string) func(tx *journal.Tx, was, will mdc.Object) error {
	return func(tx *journal.Tx, was, will mdc.Object) error {
		if gone, ok := was.(*mdc.Partner); ok && gone != nil && will == nil {
			d, err := tx.DataCenter()
			if err != nil || d.Role == mdc.RoleClone {
				return err
			}
			return dropKey(tx, Actor{Name: "system:partners"}, gone.ClusterID)
		}
		p, ok := will.(*mdc.Partner)
		if !ok || !mdc.SameName(p.ClusterID, clusterID) {
			return nil
		}
		f := fault.New(fault.Conflict, "duplicate_cluster_id",
			"%s is the cluster id of the data center that answers; cluster ids are unique without regard to case. Give the other data center an id of its own, or use its provider alias.", p.ClusterID)
		f.Fields = []fault.Field{{Pointer: "/cluster_id", Detail: "is this data center's own"}}
		return f
	}
}

// each visits the agreements of both sides.
func each(s *journal.Snapshot, visit func(*mdc.Agreement) error) error {
	kind := mdc.AgreementKind()
	return s.Range(kind, "", func(_ string, body []byte) error {
		o, err := kind.Decode(body)
		if err != nil {
			return err
		}
		a, err := mdc.As[*mdc.Agreement](o)
		if err != nil {
			return err
		}
		return visit(a)
	})
}
