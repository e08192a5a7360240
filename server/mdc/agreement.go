package mdc

import (
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// States of a replication agreement.
const (
	AgreementBootstrapping = "bootstrapping"
	AgreementReady         = "ready"
	AgreementDisabled      = "disabled"
	AgreementStale         = "stale"
	AgreementStopped       = "stopped"
)

// Sides of an agreement (X5).
const (
	SideMaster = "master"
	SideClone  = "clone"
)

// Agreement says that one data center copies another's replicated configuration (OAM-46..55). Each side keeps its half.
type Agreement struct {
	Name             string   `json:"name"`
	Source           string   `json:"source"`        // the master's cluster id
	Target           string   `json:"target"`        // the clone's cluster id
	DocumentType     string   `json:"document_type"` // "ENTITY", as in OAM-50
	Enabled          bool     `json:"enabled"`
	PollInterval     Duration `json:"poll_interval"` // counts only when Follow is false (X4)
	Follow           bool     `json:"follow"`
	WaitForSync      bool     `json:"wait_for_sync,omitempty"` // the answer to a write on the master waits for this clone
	Overwrite        bool     `json:"overwrite"`               // the clone's own replicated objects may be replaced
	Identifier       string   `json:"identifier"`
	Side             string   `json:"side"`
	StartingSequence uint64   `json:"starting_sequence"`
}

// ReplicationIdentity is the name under which the clone of an agreement asks its master, and acts at the clone (OAM-50).
func ReplicationIdentity(identifier string) string { return "replication/" + identifier }

// AgreementKind describes agreements. They are kept by identifier.
func AgreementKind() Kind {
	return Kind{Name: "replication_agreement", Scope: Local, RefersTo: []string{"partner"},
		New: func() Object {
			return &Agreement{DocumentType: "ENTITY", Enabled: true, Follow: true, PollInterval: Duration(15 * time.Minute)}
		}}
}

// ObjectName is the identifier.
func (a *Agreement) ObjectName() string { return a.Identifier }

// Normalize has nothing to do.
func (a *Agreement) Normalize() {}

// Validate checks names and the interval.
func (a *Agreement) Validate() []fault.Field {
	var c checks
	c.name("/name", a.Name)
	c.want(ValidClusterID(a.Source), "/source", "%q is no cluster id", clip(a.Source))
	c.want(ValidClusterID(a.Target), "/target", "%q is no cluster id", clip(a.Target))
	c.want(!SameName(a.Source, a.Target), "/target", "is the source itself")
	c.oneOf("/document_type", a.DocumentType, "ENTITY")
	c.want(a.PollInterval.D() >= time.Second && a.PollInterval.D() <= 24*time.Hour, "/poll_interval", "%s is not between 1s and 24h", a.PollInterval)
	c.want(!a.WaitForSync || a.Follow, "/wait_for_sync", "needs follow = true: a clone that polls cannot acknowledge a change in time")
	return c.fields
}

// References gives the partner on the other side.
func (a *Agreement) References() []Reference {
	switch a.Side {
	case SideMaster:
		return []Reference{{Kind: "partner", Name: a.Target, Pointer: "/target"}}
	case SideClone:
		return []Reference{{Kind: "partner", Name: a.Source, Pointer: "/source"}}
	}
	return nil
}
