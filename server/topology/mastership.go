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
	pauseLimit = 5 * time.Second        // a master that stood still for longer asks before it acknowledges (FLT-31)
	beatEvery  = 500 * time.Millisecond // how often it is noticed that it does not stand still
	checkTime  = 3 * time.Second        // for asking everybody whether we were overtaken; then it goes on, marked
	askAgain   = 200 * time.Millisecond // between two questions to one that does not answer
	standTime  = 2 * time.Second        // for one answer
	workEvery  = time.Second            // what could not be told is told again
)

// What is known of a master's right to be one.
const (
	MastershipNone     = ""         // no clone follows: nobody could have been promoted
	MastershipProved   = "proved"   // every member of the topology was asked, and none knows a later epoch
	MastershipChecking = "checking" // being asked; changes wait
	MastershipUnproved = "unproved" // some member did not answer in time; changes are accepted all the same
	MastershipFenced   = "fenced"   // a later epoch is in force; changes are refused
)

// MastershipLink carries questions of mastership to partners. Errors are as those of Link.
type MastershipLink interface {
	Standing(ctx context.Context, clusterID string) (Standing, error)
	Present(ctx context.Context, clusterID string, s Standing) error
	Handover(ctx context.Context, clusterID string, h Handover) (mdc.Position, error)
	Take(ctx context.Context, clusterID string, wait time.Duration) (Outcome, error)
	// Follow also tells the SHA-256 of the credential that will be shown; nil = none.
	Follow(ctx context.Context, clusterID string, a mdc.Agreement, identity []byte) (mdc.Agreement, error)
}

// MastershipConfig wires a Mastership.
type MastershipConfig struct {
	Log          *journal.Log
	ClusterID    string
	PublicKey    []byte // this data center's HPKE key, 32 bytes
	Signer       *Signer
	Link         MastershipLink
	ConflictLink ConflictLink
	Conflicts    string                    // directory of the conflict files
	Shelf        Shelf                     // those of the other nodes; nil = there are none
	Feed         Clones                    // replication's master side
	Follower     Side                      // replication's clone side
	Wake         func(source string)       // makes the follower ask now; must not block
	State        func(string) PartnerState // Partners.State
	// Identities keeps the credentials of agreements.
	Identities Identities
	// Copied marks in a transaction that the copy that an agreement keeps up is in force here already.
	Copied func(tx *journal.Tx, agreement, reason string) error
	// Uncopied marks in a transaction that a first copy is to be taken.
	Uncopied func(tx *journal.Tx, agreement, reason string) error
	// Audit writes the audit record of an act in the act's own transaction.
	Audit func(tx store.Writer, actor Actor, action, target string) error
	Clock clock.Clock
	// SecureTime bounds the wait for a majority; 0 = SecureTime.
	SecureTime time.Duration
	Logger     *slog.Logger // nil = none
}

// Mastership decides who may change the topology's configuration: it promotes and demotes this data center, and fences it when
// another one was promoted. It is the journal's gate. Safe for concurrent use.
type Mastership struct {
	c    MastershipConfig
	turn chan struct{} // capacity 1: one change of mastership at a time
	wake chan struct{} // capacity 1: there is something to do

	mu       sync.Mutex // guards all below
	bound    bool       // this is a master that clones follow
	follows  string     // whose clone this is; "" = nobody's
	beat     time.Time
	checking chan struct{} // not nil: everybody is being asked, and changes wait for its closing
	frozen   chan struct{} // not nil: a clone is taking over, and changes wait for its closing
	thaw     *time.Timer
	fenced   *fault.Error // not nil: we were overtaken
	fencer   string       // by whom
	unproved bool
	suspects map[string]bool // partners that may know a later epoch, or that have not heard of ours
	announce bool            // members are to be told of our epoch
	unknown  map[string]bool // agreements whose master does not know the credential that is shown
}

var _ journal.Gate = (*Mastership)(nil)

// NewMastership refuses bad wiring. It becomes the journal's gate: changes of replicated objects at a master with clones wait
// until Run has asked whether somebody else was promoted meanwhile.
func NewMastership(c MastershipConfig) (*Mastership, error) {
	if c.Log == nil || c.Signer == nil || c.Link == nil || c.ConflictLink == nil || c.Feed == nil || c.Follower == nil || c.Wake == nil || c.State == nil || c.Identities == nil || c.Copied == nil || c.Uncopied == nil || c.Audit == nil || c.Clock == nil || c.Conflicts == "" {
		return nil, errors.New("new mastership: a part is missing")
	}
	if !mdc.ValidClusterID(c.ClusterID) || len(c.PublicKey) != 32 {
		return nil, errors.New("new mastership: a cluster id and a public key of 32 bytes are needed")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.SecureTime <= 0 {
		c.SecureTime = SecureTime
	}
	m := &Mastership{c: c, turn: make(chan struct{}, 1), wake: make(chan struct{}, 1), beat: c.Clock.Now(), suspects: map[string]bool{}, unknown: map[string]bool{}}
	if err := m.refresh(context.Background()); err != nil {
		return nil, err
	}
	if m.bound {
		m.checking = make(chan struct{})
	}
	c.Log.OnChange(func(changes []journal.Change) {
		for _, ch := range changes {
			if ch.Kind == "" || ch.Kind == mdc.DataCenterKind().Name || ch.Kind == mdc.AgreementKind().Name {
				if err := m.refresh(context.Background()); err != nil {
					m.c.Logger.Error("cannot read this data center's role", "error", err)
				}
				return
			}
		}
	})
	c.Log.SetGate(m)
	return m, nil
}

// refresh reads whether this is a master that clones follow.
func (m *Mastership) refresh(ctx context.Context) error {
	var role, follows string
	masters := 0
	err := m.c.Log.View(ctx, func(v *journal.Snapshot) error {
		masters, follows = 0, ""
		d, err := v.DataCenter()
		if err != nil {
			return err
		}
		role = d.Role
		return each(v, func(a *mdc.Agreement) error {
			if a.Side == mdc.SideMaster {
				masters++
			} else {
				follows = a.Source
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	bound := role == mdc.RoleMaster && masters > 0
	if bound && !m.bound {
		m.beat = m.c.Clock.Now()
	}
	m.bound, m.follows = bound, follows
	if role == mdc.RoleStandalone {
		m.fenced = nil
	}
	return nil
}

// State tells what is known of this data center's right to be the master.
func (m *Mastership) State() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case !m.bound:
		return MastershipNone
	case m.fenced != nil:
		return MastershipFenced
	case m.checking != nil:
		return MastershipChecking
	case m.unproved:
		return MastershipUnproved
	}
	return MastershipProved
}

// Admit holds changes while a clone takes over or everybody is being asked, and refuses them once a later epoch is known:
// Conflict fenced.
func (m *Mastership) Admit() (<-chan struct{}, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch m.notice(); {
	case m.fenced != nil:
		return nil, m.fenced
	case m.checking != nil:
		return m.checking, nil
	case m.frozen != nil:
		return m.frozen, nil
	}
	return nil, nil
}

// Confirm is the last question before a change is acknowledged: while it was committed this process may have stood still for
// long, and somebody else may be the master since (FLT-31).
func (m *Mastership) Confirm(ctx context.Context) error {
	m.mu.Lock()
	m.notice()
	checking := m.checking
	m.mu.Unlock()
	if checking != nil {
		select {
		case <-checking:
		case <-ctx.Done():
			return fault.New(fault.Unavailable, "not_confirmed", "Whether this data center still is the master is being asked; the change is not acknowledged.")
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.fencedLate()
}

// fencedLate is nil, or the fault for who was overtaken while a change was written: that is here, and nowhere else, until becoming a
// clone keeps it in a conflict file. m.mu is held.
func (m *Mastership) fencedLate() error {
	if m.fenced == nil {
		return nil
	}
	f := *m.fenced
	f.Message += " Your change had been written here just before. It is not in force: `concord replication conflicts` lists it and can apply it again."
	return &f
}

// notice finds out that this process stood still. Both clocks count: a machine that sleeps stops the monotonic one. m.mu is held.
func (m *Mastership) notice() {
	now := m.c.Clock.Now()
	if still := max(now.Sub(m.beat), now.Round(0).Sub(m.beat.Round(0))); still > pauseLimit && m.bound {
		m.c.Logger.Warn("this master stood still and asks whether it still is one", "for", still)
		m.suspendLocked()
	}
	m.beat = now
}

// suspendLocked holds changes until everybody was asked.
func (m *Mastership) suspendLocked() {
	if m.checking == nil {
		m.checking = make(chan struct{})
	}
	m.work()
}
