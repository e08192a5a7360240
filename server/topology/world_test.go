package topology_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/audit"
	"github.com/concord-access/terraform-provider-concord/server/configuration"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/replication"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/store/badger"
	"github.com/concord-access/terraform-provider-concord/server/topology"
)

const patience = 30 * time.Second

// world is a few data centers in one process, each with a real store and all of its rooms, joined by links that can be cut.
type world struct {
	t     testing.TB
	mu    sync.Mutex // guards all below
	sites map[string]*site
	cut   map[string]bool // "NYDC>LDC": what NYDC asks LDC is lost
	mute  map[string]bool // "NYDC>LDC": LDC does what NYDC asks, the answer is lost
	lost  map[string]bool // "NYDC>LDC": the order to install an agreement is lost
	hello func(*topology.Hello)
	known func() error // whether who is asked for a hello believes the caller; nil = yes

	settling bool              // roots were exchanged a moment ago
	steps    map[string]func() // before a step of a handover is done
}

func (w *world) atStep(step string) func() {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.steps[step]
}

// before lets do happen before a step of a handover; nil takes it away.
func (w *world) before(step string, do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.steps[step] = do
}

func newWorld(t testing.TB) *world {
	return &world{t: t, sites: map[string]*site{}, cut: map[string]bool{}, mute: map[string]bool{}, lost: map[string]bool{}, steps: map[string]func(){}}
}

func (w *world) set(where map[string]bool, way string, on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	where[way] = on
}

func (w *world) is(where map[string]bool, what string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return where[what]
}

// deaf makes a site miss every hello.
func (w *world) deaf(s *site, on bool) { w.set(w.mute, "hello "+s.id, on) }

// disguise alters every hello from now on.
func (w *world) disguise(change func(*topology.Hello)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hello = change
}

var errLink = errors.New("connection refused")

// reach finds the asked site, if it knows the one that asks; unknown callers are refused as the peer listener does.
func (w *world) reach(from, to string) (*site, error) {
	w.mu.Lock()
	s := w.sites[mdc.FoldName(to)]
	cut := w.cut[from+">"+to]
	w.mu.Unlock()
	if s == nil || cut {
		return nil, errLink
	}
	if _, err := s.service.Get(context.Background(), configuration.System("test"), mdc.PartnerKind(), from); err != nil {
		return nil, fault.New(fault.Forbidden, "unknown_partner", "%s is no partner of %s.", from, s.id)
	}
	return s, nil
}

func (w *world) answer(from, to string, err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mute[from+">"+to] {
		return errLink
	}
	return err
}

// link is one site's peer client.
type link struct {
	w    *world
	self string
}

func (l link) Hello(ctx context.Context, to string) (h topology.Hello, err error) {
	s, err := l.w.reach(l.self, to)
	if err == nil && l.w.is(l.w.mute, "hello "+l.self) {
		err = errLink
	}
	if err != nil {
		return h, err
	}
	l.w.mu.Lock()
	known := l.w.known
	l.w.mu.Unlock()
	if known != nil {
		if err := known(); err != nil {
			return h, err
		}
	}
	if h, err = s.sayHello(ctx, l.self); err != nil {
		return h, err
	}
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	if l.w.hello != nil {
		l.w.hello(&h)
	}
	return h, nil
}

func (l link) InstallAgreement(ctx context.Context, to string, a mdc.Agreement) (topology.Installed, error) {
	s, err := l.w.reach(l.self, to)
	if err != nil {
		return topology.Installed{}, err
	}
	l.w.mu.Lock()
	lost := l.w.lost[l.self+">"+to]
	l.w.mu.Unlock()
	if lost {
		return topology.Installed{}, errLink
	}
	out, err := s.agreements.Install(ctx, l.self, a)
	return out, l.w.answer(l.self, to, err)
}

func (l link) ChangeAgreement(ctx context.Context, to string, a mdc.Agreement) (topology.Installed, error) {
	s, err := l.w.reach(l.self, to)
	if err != nil {
		return topology.Installed{}, err
	}
	out, err := s.agreements.Change(ctx, l.self, a)
	return out, l.w.answer(l.self, to, err)
}

func (l link) RemoveAgreement(ctx context.Context, to, identifier string) error {
	s, err := l.w.reach(l.self, to)
	if err != nil {
		return err
	}
	return l.w.answer(l.self, to, s.agreements.Remove(ctx, l.self, identifier))
}

func (l link) Conflicts(ctx context.Context, to string) (topology.ConflictList, error) {
	s, err := l.w.reach(l.self, to)
	if err != nil {
		return topology.ConflictList{}, err
	}
	if err := s.mastership.ForMaster(ctx, l.self); err != nil {
		return topology.ConflictList{}, err
	}
	return s.mastership.Conflicts(ctx, "")
}

func (l link) Conflict(ctx context.Context, to, id string, after uint64, limit int) (topology.ConflictPage, error) {
	s, err := l.w.reach(l.self, to)
	if err != nil {
		return topology.ConflictPage{}, err
	}
	if err := s.mastership.ForMaster(ctx, l.self); err != nil {
		return topology.ConflictPage{}, err
	}
	return s.mastership.Conflict(ctx, "", id, after, limit)
}

func (l link) Digests(ctx context.Context, to, agreement string, q replication.Question) (replication.Digests, error) {
	s, err := l.w.reach(l.self, to)
	if err != nil {
		return replication.Digests{}, err
	}
	return s.feed.Digests(ctx, l.caller(agreement), agreement, q)
}

func (l link) Objects(ctx context.Context, to, agreement, kind string, names []string) (replication.Objects, error) {
	s, err := l.w.reach(l.self, to)
	if err != nil {
		return replication.Objects{}, err
	}
	return s.feed.Objects(ctx, l.caller(agreement), agreement, kind, names)
}

func (l link) Standing(ctx context.Context, to string) (out topology.Standing, err error) {
	s, err := l.w.reach(l.self, to)
	if err != nil {
		return out, err
	}
	out, err = s.mastership.Standing(ctx, l.self)
	return out, l.w.answer(l.self, to, err)
}

func (l link) Present(ctx context.Context, to string, st topology.Standing) error {
	s, err := l.w.reach(l.self, to)
	if err != nil {
		return err
	}
	st.ClusterID = l.self
	return l.w.answer(l.self, to, s.mastership.Present(ctx, st))
}

func (l link) Handover(ctx context.Context, to string, h topology.Handover) (out mdc.Position, err error) {
	s, err := l.w.reach(l.self, to)
	if err != nil {
		return out, err
	}
	if step := l.w.atStep(h.Step); step != nil {
		step()
	}
	if l.w.is(l.w.lost, h.Step) {
		return out, errLink
	}
	out, err = s.mastership.Hand(ctx, l.self, h)
	return out, l.w.answer(l.self, to, err)
}

func (l link) Take(ctx context.Context, to string, wait time.Duration) (out topology.Outcome, err error) {
	s, err := l.w.reach(l.self, to)
	if err != nil {
		return out, err
	}
	out, err = s.mastership.Give(ctx, l.self, wait)
	return out, l.w.answer(l.self, to, err)
}

func (l link) Follow(ctx context.Context, to string, a mdc.Agreement, identity []byte) (out mdc.Agreement, err error) {
	s, err := l.w.reach(l.self, to)
	if err != nil {
		return out, err
	}
	out, err = s.mastership.Adopt(ctx, l.self, a, identity)
	return out, l.w.answer(l.self, to, err)
}

// caller shows the credential that this site has of an agreement.
func (l link) caller(agreement string) replication.Caller {
	by := replication.Caller{ClusterID: l.self}
	l.w.mu.Lock()
	s := l.w.sites[mdc.FoldName(l.self)]
	l.w.mu.Unlock()
	if s != nil && !l.w.is(l.w.mute, "secret "+l.self) {
		by.Secret, _ = s.identities.Secret(context.Background(), agreement) // a store that is closed gives none
	}
	return by
}

func (l link) Journal(ctx context.Context, to, agreement string, at mdc.Position, wait time.Duration) (replication.Page, error) {
	s, err := l.w.reach(l.self, to)
	if err != nil {
		return replication.Page{}, err
	}
	page, err := s.feed.Journal(ctx, l.caller(agreement), agreement, at, wait)
	page.Ahead = true
	if l.w.is(l.w.mute, "journal "+l.self) {
		return replication.Page{}, errLink
	}
	if _, cut := l.w.reach(l.self, to); cut != nil {
		return replication.Page{}, cut
	}
	return page, err
}

func (l link) Ahead(ctx context.Context, to, agreement string, at mdc.Position) (replication.Page, error) {
	s, err := l.w.reach(l.self, to)
	if err != nil {
		return replication.Page{}, err
	}
	return s.feed.Ahead(ctx, l.caller(agreement), agreement, at)
}

func (l link) Snapshot(ctx context.Context, to, agreement string, begin func(mdc.Position) error, item func(replication.Item) error) (uint64, error) {
	s, err := l.w.reach(l.self, to)
	if err != nil {
		return 0, err
	}
	return s.feed.Snapshot(ctx, l.caller(agreement), agreement, begin, item)
}

// site is one data center.
type site struct {
	w          *world
	id, dir    string
	store      *badger.Store
	log        *journal.Log
	audit      *audit.Log
	keys       *replication.Keys
	identities *replication.Identities
	feed       *replication.Feed
	follower   *replication.Follower
	agreements *topology.Agreements
	partners   *topology.Partners
	mastership *topology.Mastership
	signer     *topology.Signer
	clock      clock.Clock // of the mastership; nil = the machine's
	service    *configuration.Service
	returned   chan string
	stop       func()
}

func (w *world) site(id string) *site {
	w.t.Helper()
	s := &site{w: w, id: id, dir: w.t.TempDir(), returned: make(chan string, 100)}
	s.open()
	w.t.Cleanup(func() { s.close() })
	return s
}

func (s *site) open() {
	t, ctx := s.w.t, context.Background()
	t.Helper()
	var err error
	s.store, err = badger.Open(badger.Config{Dir: s.dir, MinFree: -1, MemTableBytes: 8 << 20, CacheBytes: 1 << 20})
	must(t, err)
	s.log, err = journal.New(ctx, journal.Config{Store: s.store, Wrapper: newWrapper(t), ClusterID: s.id, Clock: clock.System{}})
	must(t, err)
	s.audit = audit.New(s.id, clock.System{})
	s.keys, err = replication.OpenKeys(ctx, s.store, newWrapper(t))
	must(t, err)
	s.identities, err = replication.NewIdentities(s.store, newWrapper(t))
	must(t, err)
	s.feed, err = replication.NewFeed(ctx, replication.FeedConfig{Log: s.log, Store: s.store, Keys: s.keys, ClusterID: s.id, Clock: clock.System{}})
	must(t, err)
	l := link{s.w, s.id}
	s.follower, err = replication.New(replication.Config{Log: s.log, Store: s.store, Keys: s.keys, Sources: l, ClusterID: s.id, Clock: clock.System{},
		Fork: func(ctx context.Context, source string) error { return s.mastership.KeepFork(ctx, source) },
		Overwrite: func(ctx context.Context, source string, staged *journal.Staging, winner mdc.Epoch) (string, error) {
			return s.mastership.KeepOwn(ctx, source, staged, winner)
		},
		Unknown: func(agreement string) { s.mastership.Unknown(agreement) }, Audit: func(tx store.Writer, actor, action, target string) error {
			return s.audit.Append(tx, audit.Event{Actor: actor, Action: action, Target: target})
		}})
	must(t, err)
	s.signer, err = topology.OpenSigner(ctx, s.store, newWrapper(t))
	must(t, err)
	s.agreements, err = topology.NewAgreements(topology.AgreementsConfig{Log: s.log, ClusterID: s.id, PublicKey: s.keys.Public(), Signer: s.signer, Link: l,
		Feed: s.feed, Follower: s.follower, Clock: clock.System{}, Identities: s.identities, MayJoin: func(v *journal.Snapshot) error { return s.mastership.MayJoin(v) },
		Settling: func(context.Context, string) bool {
			s.w.mu.Lock()
			defer s.w.mu.Unlock()
			return s.w.settling
		},
		Audit: func(tx store.Writer, actor topology.Actor, action, target string) error {
			return s.audit.Append(tx, audit.Event{Actor: actor.Name, Action: action, Target: target, RequestID: actor.RequestID})
		}})
	must(t, err)
	s.partners, err = topology.NewPartners(topology.PartnersConfig{Log: s.log, Hello: l.Hello, Clock: clock.System{}, Returned: func(id string) {
		s.follower.Wake(id)
		s.returned <- id
	}, Heard: func(h topology.Hello) { s.mastership.Heard(h) }})
	must(t, err)
	c := s.clock
	if c == nil {
		c = clock.System{}
	}
	s.mastership, err = topology.NewMastership(topology.MastershipConfig{Log: s.log, ClusterID: s.id, PublicKey: s.keys.Public(), Signer: s.signer, Link: l,
		ConflictLink: l, Conflicts: s.conflicts(), Feed: s.feed, Follower: s.follower, Wake: s.follower.Wake, State: s.partners.State, Identities: s.identities, Copied: replication.Copied, Uncopied: replication.Discredited, Clock: c,
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)).With("at", s.id),
		Audit: func(tx store.Writer, actor topology.Actor, action, target string) error {
			return s.audit.Append(tx, audit.Event{Actor: actor.Name, Action: action, Target: target, RequestID: actor.RequestID})
		}})
	must(t, err)
	guards := map[string]configuration.Guard{}
	for kind, g := range topology.Guards(s.id) {
		guards[kind] = g
	}
	s.service, err = configuration.New(configuration.Config{Log: s.log, Audit: s.audit, ClusterID: s.id, Guards: guards, Master: s.partners.MasterAddress,
		Hash: func(_ context.Context, plain string) (string, error) { return "hash of " + plain, nil }})
	must(t, err)
	s.w.mu.Lock()
	s.w.sites[mdc.FoldName(s.id)] = s
	s.w.mu.Unlock()
	s.stop = background(s.feed.Run, s.follower.Run, s.partners.Run, s.mastership.Run)
}

func background(runs ...func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	for _, run := range runs {
		group.Go(func() { _ = run(ctx) })
	}
	return func() {
		cancel()
		group.Wait()
	}
}

// stopSite makes a site answer nobody; its end comes with the test's.
func (s *site) stopSite() {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	delete(s.w.sites, mdc.FoldName(s.id))
}

func (s *site) close() {
	s.stopSite()
	s.stop()
	if err := s.store.Close(); err != nil {
		s.w.t.Errorf("close %s: %v", s.id, err)
	}
}

func (s *site) conflicts() string { return filepath.Join(s.dir, "conflicts") }

func (s *site) sayHello(ctx context.Context, asker string) (h topology.Hello, err error) {
	objects, err := s.agreements.OwnObjects(ctx, asker)
	if err != nil {
		return h, err
	}
	d, err := s.service.Get(ctx, configuration.System("test"), mdc.DataCenterKind(), mdc.SingletonName)
	if err != nil {
		return h, err
	}
	p, err := s.service.Get(ctx, configuration.System("test"), mdc.PartnerProfileKind(), mdc.SingletonName)
	if err != nil {
		return h, err
	}
	profile := p.Object.(*mdc.PartnerProfile)
	follows, err := s.agreements.Follows(ctx)
	if err != nil {
		return h, err
	}
	return topology.Hello{Follows: follows, ClusterID: s.id, Time: time.Now(), Role: d.Object.(*mdc.DataCenter).Role, AgentID: profile.AgentID,
		AllowManagement: profile.AllowManagement, AdminURL: "https://admin." + s.id, Objects: objects, PublicKey: s.keys.Public(),
		Epoch: s.position().Epoch, Sequence: s.position().Sequence, MastershipKey: s.signer.Public(), WriteRequires: d.Object.(*mdc.DataCenter).WriteRequires,
		CertificateExpiresAt: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}, nil
}

func (s *site) put(o mdc.Object, kind mdc.Kind) error {
	_, err := s.service.Put(context.Background(), configuration.Actor{Name: "test", Rights: mdc.EveryRight()}, kind, o, configuration.Precondition{})
	return err
}

func (s *site) role(role string) error {
	return s.put(&mdc.DataCenter{ClusterID: s.id, Role: role, SecurityMode: mdc.ModeCert, LockTimeout: mdc.Duration(mdc.DefaultLockTimeout)}, mdc.DataCenterKind())
}

func (s *site) profile(agentID string, management bool) error {
	return s.put(&mdc.PartnerProfile{AgentID: agentID, AllowManagement: management}, mdc.PartnerProfileKind())
}

func (s *site) partner(id string) error {
	return s.put(&mdc.Partner{ClusterID: id, AgentID: "agent-" + id, Primary: []string{"peer." + id + ":9444"}, SecurityMode: mdc.ModeCert}, mdc.PartnerKind())
}

func (s *site) group(name string) error {
	return s.put(&mdc.Group{Name: name, Description: "of " + s.id}, mdc.GroupKind())
}

func (s *site) position() mdc.Position {
	s.w.t.Helper()
	pos, err := s.log.Position(context.Background())
	must(s.w.t, err)
	return pos
}

func (s *site) halves() []topology.View {
	s.w.t.Helper()
	list, err := s.agreements.List(context.Background())
	must(s.w.t, err)
	return list
}

func (s *site) reaches(other *site) {
	s.w.t.Helper()
	eventually(s.w.t, s.id+" in step with "+other.id, func() bool { return s.position() == other.position() })
}

// linked declares a master and clones, each a partner of each other, as an administrator would.
func (w *world) linked(master *site, clones ...*site) {
	w.t.Helper()
	all := append([]*site{master}, clones...)
	for _, s := range all {
		must(w.t, s.profile("agent-"+s.id, true))
		for _, o := range all {
			if o != s {
				must(w.t, s.partner(o.id))
			}
		}
		role := mdc.RoleClone
		if s == master {
			role = mdc.RoleMaster
		}
		must(w.t, s.role(role))
	}
}

func agreement(name, source, target string) mdc.Agreement {
	a := *mdc.AgreementKind().New().(*mdc.Agreement)
	a.Name, a.Source, a.Target = name, source, target
	return a
}

func (s *site) create(a mdc.Agreement) (topology.View, error) {
	return s.agreements.Create(context.Background(), topology.Actor{Name: "test", RequestID: "r1"}, a)
}

func (s *site) change(id string, change func(*mdc.Agreement)) (topology.View, error) {
	return s.agreements.Update(context.Background(), topology.Actor{Name: "test"}, id, func(a *mdc.Agreement) error { change(a); return nil })
}

func (s *site) remove(id string, force bool) error {
	return s.agreements.Delete(context.Background(), topology.Actor{Name: "test"}, id, force)
}

// wrapper is a node key.
type wrapper struct{ aead cipher.AEAD }

func newWrapper(t testing.TB) wrapper {
	t.Helper()
	block, err := aes.NewCipher(make([]byte, 32))
	must(t, err)
	aead, err := cipher.NewGCM(block)
	must(t, err)
	return wrapper{aead}
}

func (w wrapper) Wrap(plain, context []byte) ([]byte, error) {
	nonce := make([]byte, w.aead.NonceSize())
	_, _ = rand.Read(nonce)
	return w.aead.Seal(nonce, nonce, plain, context), nil
}

func (w wrapper) Unwrap(b, context []byte) ([]byte, error) {
	if len(b) < w.aead.NonceSize() {
		return nil, errors.New("too short")
	}
	return w.aead.Open(nil, b[:w.aead.NonceSize()], b[w.aead.NonceSize():], context)
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	end := time.After(patience)
	for !ok() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("never came: %s", what)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	if got := fault.CodeOf(err); got != code {
		t.Fatalf("error %v has the code %q, want %q", err, got, code)
	}
}
