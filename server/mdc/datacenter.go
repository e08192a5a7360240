package mdc

import (
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// Roles of a data center (OAM-02, OAM-03, MSS-01).
const (
	RoleStandalone = "standalone" // alone, or not yet linked
	RoleMaster     = "master"     // the one whose configuration is copied
	RoleClone      = "clone"      // follows a master
)

// Security modes of the peer listener (OAM-41).
const (
	ModeOpen   = "open"
	ModeSimple = "simple"
	ModeCert   = "cert"
)

// States of a data center (OAM-48).
const (
	StateActive           = "active"            // serves, is in no agreement
	StateBootstrapping    = "bootstrapping"     // takes its first copy
	StateReplicationReady = "replication_ready" // in an agreement, and in step
)

// Who must have a change of replicated configuration before the master acknowledges it.
const (
	WriteLocal    = "local"    // the master alone
	WriteMajority = "majority" // a majority of the data centers of the topology, the master included
)

// Whether a data center should get users.
const (
	AvailabilityActive     = "active"
	AvailabilityHotStandby = "hot_standby" // while no active data center serves
	AvailabilityPassive    = "passive"     // not until it is declared otherwise
)

// DataCenter is what an administrator declares of the data center that answers. Its identity (cluster id) is the node's
// configuration; epoch, position and state are the journal's.
type DataCenter struct {
	ClusterID    string `json:"cluster_id"` // must equal the node's own: naming the wrong one is refused
	DisplayName  string `json:"display_name,omitempty"`
	Role         string `json:"role"`
	WriteEnabled *bool  `json:"write_enabled,omitempty"` // nil: true but on a clone (OAM-04); what is written on a clone is an edit of its own
	SecurityMode string `json:"security_mode"`

	LockTimeout   Duration `json:"lock_timeout"`   // how long an administrator's lock lasts that says nothing else (MSS-05)
	Availability  string   `json:"availability"`   // whether load balancers should send users here (OAM-08)
	WriteRequires string   `json:"write_requires"` // counts where this data center is the master

	SessionCapacity int `json:"session_capacity"` // sessions that this data center holds at most, on all its nodes together; 0 = no limit (CAMS-10)
}

// Limits of the time that an administrator's lock may last, and what counts when nothing is said.
const (
	MinLockTimeout     = time.Second
	MaxLockTimeout     = 24 * time.Hour
	DefaultLockTimeout = 180 * time.Second
)

// MaxSessionCapacity is the largest session_capacity.
const MaxSessionCapacity = 1_000_000_000

// DataCenterKind describes the data center singleton.
func DataCenterKind() Kind {
	return Kind{Name: "data_center", Collection: "data-center", Scope: Local, Singleton: true,
		New: func() Object {
			return &DataCenter{Role: RoleStandalone, SecurityMode: ModeCert, LockTimeout: Duration(DefaultLockTimeout), WriteRequires: WriteLocal, Availability: AvailabilityActive}
		}}
}

// Writable says whether replicated objects may be changed here by administrators (OAM-04).
func (d *DataCenter) Writable() bool {
	if d.WriteEnabled != nil {
		return *d.WriteEnabled
	}
	return d.Role != RoleClone
}

// ObjectName is SingletonName.
func (d *DataCenter) ObjectName() string { return SingletonName }

// Normalize names the default.
func (d *DataCenter) Normalize() {
	if d.WriteRequires == "" {
		d.WriteRequires = WriteLocal
	}
	if d.Availability == "" {
		d.Availability = AvailabilityActive
	}
}

// Validate checks names and enumerations.
func (d *DataCenter) Validate() []fault.Field {
	var c checks
	c.want(ValidClusterID(d.ClusterID), "/cluster_id", "%q is no cluster id: 1 to 63 letters and digits, starting with a letter", clip(d.ClusterID))
	c.text("/display_name", d.DisplayName, 256)
	c.oneOf("/role", d.Role, RoleStandalone, RoleMaster, RoleClone)
	c.oneOf("/security_mode", d.SecurityMode, ModeOpen, ModeSimple, ModeCert)
	c.want(d.LockTimeout.D() >= MinLockTimeout && d.LockTimeout.D() <= MaxLockTimeout, "/lock_timeout", "%s is not between %s and %s", d.LockTimeout,
		Duration(MinLockTimeout), Duration(MaxLockTimeout))
	c.oneOf("/availability", d.Availability, AvailabilityActive, AvailabilityHotStandby, AvailabilityPassive)
	c.oneOf("/write_requires", d.WriteRequires, WriteLocal, WriteMajority)
	c.want(d.SessionCapacity >= 0 && d.SessionCapacity <= MaxSessionCapacity, "/session_capacity", "%d is not between 0 (no limit) and %d", d.SessionCapacity, MaxSessionCapacity)
	if d.WriteEnabled != nil {
		c.want(*d.WriteEnabled || d.Role == RoleClone, "/write_enabled", "only a clone can be closed to writes")
	}
	return c.fields
}

// References gives none.
func (d *DataCenter) References() []Reference { return nil }
