package session

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session/backchannel"
	"github.com/concord-access/terraform-provider-concord/server/session/revocation"
	"github.com/concord-access/terraform-provider-concord/server/session/seal"
	"github.com/concord-access/terraform-provider-concord/server/session/slab"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// Person is a user as the identity store of this data center knows it.
type Person struct {
	Name       string
	Groups     []string
	Attributes map[string]string
	Enabled    bool
	Prevails   bool // what the store says now counts over what a session began with: it is the same people everywhere
}

// Directory looks users up in the identity stores of this data center. A store that cannot answer is an error, of kind
// Unavailable when it is one outside of Concord that is down; one that answers "no such user" is found = false.
type Directory interface {
	User(ctx context.Context, identityStore, name string) (p Person, found bool, err error)
}

// Policies gives the adoption policy of the moment. It is asked at every request and must be cheap.
type Policies interface{ SessionPolicy() *mdc.SessionPolicy }

// Peers carries messages to other data centers. Retrieve's errors wrap ErrRefused or ErrUnreachable.
type Peers interface {
	Retrieve(ctx context.Context, cluster string, r RetrieveRequest) (RetrieveAnswer, error)
	SendEvents(ctx context.Context, cluster string, events []Event) error
	Counts
	revocation.Peers
}

// Counts is what only all data centers together know.
type Counts interface {
	// LastAccess gives one time for each sign-on, zero where the partner has no session of it to tell of.
	LastAccess(ctx context.Context, cluster string, ssos []mdc.SSOID) ([]time.Time, error)
	Reserve(ctx context.Context, cluster string, r ReserveRequest) (ReserveAnswer, error)
}

// Config wires an Engine. The fields up to Ready are required.
type Config struct {
	ClusterID string
	Sessions  store.Store // the engine's alone
	State     store.Store // prefix r/
	Keys      seal.Keysets
	Policies  Policies
	Directory Directory
	Partners  revocation.Partners
	Peers     Peers
	Clock     clock.Clock
	Logger    *slog.Logger
	SignInURL string      // this data center's runtime origin, used where the policy names none
	Ready     func() bool // false while this data center cannot say what it does not know: partners get 503

	Insecure     bool               // cookies of http origins go without Secure and prefix (development)
	CacheEntries int                // opened cookies, and resident sessions; 0 = 65,536 each
	PackedBytes  int                // memory for sessions that are packed; 0 = 256 MiB
	ReceiptWait  time.Duration      // how long SignOut waits for partners; 0 = 1 s, negative = not at all
	Calls        backchannel.Caller // tells agents of ended sign-ons; nil = none is told
	Audit        Recorder           // nil = none
	Certificates Certificates       // what was revoked; nil = nothing
	Capacity     func() int         // sessions that this data center may hold (CAMS-10), asked whenever one is made; nil or 0 = no limit
	Shared       bool               // other nodes use the same stores: what is counted is counted there
}

const (
	defaultCache   = 65_536
	defaultPacked  = 256 << 20 // room for some 1.2 million sessions
	defaultReceipt = time.Second
)

// Engine is the sessions of one data center. Safe for concurrent use.
type Engine struct {
	cfg       Config
	log       *revocation.Log
	calls     *backchannel.Book // nil = no agent is told
	opened    *cache[string, *opened]
	residents *cache[mdc.SessionID, *resident]
	packed    *slab.Map // of sessions: as the store has them
	touched   touched
	flights   singleflight.Group // adoptions, by sso id
	writing   [1024]sync.Mutex   // by sso id: held over a write to the store and to what is resident, so more than there are writers at once
	users     atomic.Uint64      // counts UsersChanged
	stores    atomic.Uint64      // counts StoresChanged
	ends      atomic.Uint64      // counts ends of sessions that the store's watch told of, and its beginnings
	pending   atomic.Bool        // there may be sessions to confirm
	turns     turns
	callers   callers
	given     given
	news      news
	reserved  reservations
	places    places
	followed  store.Standing // see Follow
}

// New checks the wiring and loads the revocations that are in force.
func New(cfg Config) (*Engine, error) {
	if cfg.Sessions == nil || cfg.State == nil || cfg.Keys == nil || cfg.Policies == nil || cfg.Directory == nil || cfg.Partners == nil ||
		cfg.Peers == nil || cfg.Clock == nil || cfg.Logger == nil || cfg.Ready == nil || !mdc.ValidOrigin(cfg.SignInURL) {
		return nil, errors.New("make session engine: incomplete configuration")
	}
	if cfg.CacheEntries == 0 {
		cfg.CacheEntries = defaultCache
	}
	if cfg.PackedBytes == 0 {
		cfg.PackedBytes = defaultPacked
	}
	if cfg.ReceiptWait == 0 {
		cfg.ReceiptWait = defaultReceipt
	}
	e := &Engine{cfg: cfg}
	e.opened = newCache(cfg.CacheEntries, func(text string) byte { return text[len(text)/2] }, func(*opened) {})
	e.residents = newCache(cfg.CacheEntries, func(id mdc.SessionID) byte { return id[0] ^ id[1] }, e.letGo)
	e.packed = slab.New(cfg.PackedBytes)
	e.pending.Store(true) // what an earlier process left
	var err error
	e.log, err = revocation.Open(context.Background(), revocation.Config{ClusterID: cfg.ClusterID, State: cfg.State, Partners: cfg.Partners,
		Peers: cfg.Peers, Clock: cfg.Clock, Logger: cfg.Logger, Applied: e.endRevoked})
	if err != nil {
		return nil, err
	}
	if cfg.Calls != nil {
		e.calls, err = backchannel.New(backchannel.Config{Store: cfg.Sessions, Caller: cfg.Calls, Denies: e.log.Denies, Clock: cfg.Clock, Logger: cfg.Logger})
	}
	return e, err
}

// UsersChanged makes every session look its user up again at its next use. App calls it when a replicated user changed.
func (e *Engine) UsersChanged() { e.users.Add(1) }

// StoresChanged makes every session whose user lives outside of Concord look that user up again at its next use. App calls it
// when an identity store is declared, changed or taken away.
func (e *Engine) StoresChanged() { e.stores.Add(1) }

// generation counts what makes sessions of an identity store look their users up before it is time: a change of local users
// says nothing about those of a directory, which would be asked for all of them at once.
func (e *Engine) generation(identityStore string) uint64 {
	if identityStore == mdc.LocalStore {
		return e.users.Load()
	}
	return e.stores.Load()
}

// now is the time in whole milliseconds, as cookies carry it.
func (e *Engine) now() time.Time { return e.cfg.Clock.Now().UTC().Truncate(time.Millisecond) }

// lock serialises writes to one sign-on; the result unlocks.
func (e *Engine) lock(sso mdc.SSOID) func() {
	var h uint32
	for i := range len(sso) {
		h = h*31 + uint32(sso[i])
	}
	m := &e.writing[h%uint32(len(e.writing))]
	m.Lock()
	return m.Unlock
}
