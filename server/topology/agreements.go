package topology

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

const (
	askTime     = 10 * time.Second // for a partner's answer
	installTime = 60 * time.Second // for the first copy; it goes on when the time is over
)

// Side tells how far one side of an agreement is.
type Side interface {
	Progress(ctx context.Context, a mdc.Agreement) (state string, last, lag uint64, err error)
}

// Master is the master's side: it is told what a clone has, before the clone asks for more.
type Master interface {
	Side
	Acknowledge(ctx context.Context, identifier string, at mdc.Position) error
}

// Clone is the clone's side: it also waits for the first copy.
type Clone interface {
	Side
	Bootstrap(ctx context.Context, identifier string) error
	// Kept names the conflict file of what the first copy replaced; "" = none.
	Kept(identifier string) string
}

// AgreementsConfig wires Agreements.
type AgreementsConfig struct {
	Await     func(ctx context.Context, clusterID string) error // until roots are exchanged, in mode simple; nil = nothing to wait for
	Settling  func(ctx context.Context, clusterID string) bool  // roots were exchanged a moment ago: who refuses us may believe us soon; nil = never
	Log       *journal.Log
	ClusterID string
	PublicKey []byte // this data center's HPKE key, 32 bytes
	Signer    *Signer
	Link      Link
	Feed      Master // replication's master side
	Follower  Clone  // replication's clone side
	// Identities keeps the credentials of agreements.
	Identities Identities
	// MayJoin refuses another member of the topology while too few of the present ones answer; v is the state without it.
	MayJoin func(v *journal.Snapshot) error
	// Audit writes the audit record of an act in the act's own transaction.
	Audit  func(tx store.Writer, actor Actor, action, target string) error
	Clock  clock.Clock
	Logger *slog.Logger // nil = none
}

// Agreements is the life of replication agreements, at the master and at the clone. Safe for concurrent use.
type Agreements struct {
	c AgreementsConfig

	mu      sync.Mutex // guards making, counted and count
	making  map[string]bool
	counted mdc.Position // for which count holds
	count   uint64
}

// NewAgreements refuses bad wiring.
func NewAgreements(c AgreementsConfig) (*Agreements, error) {
	if c.Log == nil || c.Signer == nil || c.Link == nil || c.Feed == nil || c.Follower == nil || c.Identities == nil || c.MayJoin == nil || c.Audit == nil || c.Clock == nil {
		return nil, errors.New("new agreements: log, signer, link, feed, follower, identities, the rule of joining, audit and clock are needed")
	}
	if !mdc.ValidClusterID(c.ClusterID) || len(c.PublicKey) != 32 {
		return nil, errors.New("new agreements: a cluster id and a public key of 32 bytes are needed")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Agreements{c: c, making: map[string]bool{}}, nil
}

// View is an agreement as this side sees it.
type View struct {
	mdc.Agreement
	State        string // mdc.Agreement…
	LastSequence uint64 // the last one that the clone has
	LagEntries   uint64
	Kept         string // at the clone: the conflict file with its own objects that the first copy replaced; "" = none
}

// Get gives one agreement by its identifier. fault.NotFound.
func (s *Agreements) Get(ctx context.Context, identifier string) (View, error) {
	a, err := s.read(ctx, identifier)
	if err != nil {
		return View{}, err
	}
	return s.view(ctx, a)
}

// List gives the agreements of both sides in the order of their identifiers. A data center has few.
func (s *Agreements) List(ctx context.Context) ([]View, error) {
	all, err := s.all(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]View, 0, len(all))
	for _, a := range all {
		v, err := s.view(ctx, a)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// State gives the state of this data center (OAM-48): mdc.StateActive without agreements, mdc.StateBootstrapping while the
// first copy is taken here, otherwise mdc.StateReplicationReady.
func (s *Agreements) State(ctx context.Context) (string, error) {
	views, err := s.List(ctx)
	if err != nil || len(views) == 0 {
		return mdc.StateActive, err
	}
	for _, v := range views {
		if v.Side == mdc.SideClone && v.State == mdc.AgreementBootstrapping {
			return mdc.StateBootstrapping, nil
		}
	}
	return mdc.StateReplicationReady, nil
}

func (s *Agreements) view(ctx context.Context, a mdc.Agreement) (v View, err error) {
	v.Agreement = a
	var side Side = s.c.Feed
	if a.Side == mdc.SideClone {
		side, v.Kept = s.c.Follower, s.c.Follower.Kept(a.Identifier)
	}
	v.State, v.LastSequence, v.LagEntries, err = side.Progress(ctx, a)
	return v, err
}

func (s *Agreements) read(ctx context.Context, identifier string) (a mdc.Agreement, err error) {
	err = s.c.Log.View(ctx, func(v *journal.Snapshot) error {
		a, err = read(v, identifier)
		return err
	})
	return a, err
}

func read(v *journal.Snapshot, identifier string) (mdc.Agreement, error) {
	o, err := v.Get(mdc.AgreementKind(), identifier)
	if fault.Is(err, fault.NotFound) {
		return mdc.Agreement{}, fault.New(fault.NotFound, "not_found", "There is no replication agreement %q here.", identifier)
	}
	if err != nil {
		return mdc.Agreement{}, err
	}
	a, err := mdc.As[*mdc.Agreement](o)
	if err != nil {
		return mdc.Agreement{}, err
	}
	return *a, nil
}

func (s *Agreements) all(ctx context.Context) (out []mdc.Agreement, err error) {
	err = s.c.Log.View(ctx, func(v *journal.Snapshot) error {
		out, err = all(v)
		return err
	})
	return out, err
}

func all(v *journal.Snapshot) (out []mdc.Agreement, err error) {
	err = each(v, func(a *mdc.Agreement) error {
		out = append(out, *a)
		return nil
	})
	return out, err
}

// put writes a half and its audit record.
func (s *Agreements) put(tx *journal.Tx, actor Actor, a mdc.Agreement) error {
	if err := tx.Put(mdc.AgreementKind(), &a, actor.Name); err != nil {
		return err
	}
	return s.audit(tx, actor, journal.Put, a.Identifier)
}

func (s *Agreements) audit(tx *journal.Tx, actor Actor, action, identifier string) error {
	return s.c.Audit(tx.Writer(), actor, action, mdc.AgreementKind().Name+"/"+identifier)
}

func partnerActor(clusterID string) Actor { return Actor{Name: "partner:" + clusterID} }

// partner gives a registered partner, or nil.
func partner(v *journal.Snapshot, clusterID string) (*mdc.Partner, error) {
	o, err := v.Get(mdc.PartnerKind(), clusterID)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return mdc.As[*mdc.Partner](o)
}
