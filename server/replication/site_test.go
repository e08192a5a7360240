package replication_test

import (
	"cmp"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/replication"
	"github.com/concord-access/terraform-provider-concord/server/store/badger"
)

const patience = 30 * time.Second // for what must happen; a test that passes never waits that long

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

// link connects sites in this process. What travels can be watched and altered, and each link can be cut: an answer that
// comes while its link is cut is lost.
type link struct {
	mu     sync.Mutex // guards all below
	sites  map[string]*site
	cut    map[string]bool // by the asking site
	dead   map[string]bool // by the asking site: a question gets no answer, as over a connection that died silently
	lost   int             // questions over a dead connection
	page   func(*replication.Page)
	item   func(*replication.Item) error
	polls  map[string]int
	aheads map[string]int
	takes  map[string]int // snapshots

	asked   []replication.Question // for digests
	fetched int                    // objects for repairs
	ask     func()                 // before a question for digests is answered
}

func newLink() *link {
	return &link{sites: map[string]*site{}, cut: map[string]bool{}, dead: map[string]bool{}, polls: map[string]int{}, aheads: map[string]int{}, takes: map[string]int{}}
}

func (l *link) setCut(asker string, cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut[asker] = cut
}

func (l *link) setDead(asker string, dead bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dead[asker] = dead
}

func (l *link) isDead(asker string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead[asker] {
		l.lost++
	}
	return l.dead[asker]
}

func (l *link) unanswered() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost
}

func (l *link) alter(page func(*replication.Page), item func(*replication.Item) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.page, l.item = page, item
}

func (l *link) snapshots(asker string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.takes[asker]
}

func (l *link) reach(asker, source string) (*site, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.sites[source]; s != nil && !l.cut[asker] {
		return s, nil
	}
	return nil, errors.New("connection refused")
}

// sources is one site's view of the link.
type sources struct {
	l    *link
	self string
}

func (s sources) Journal(ctx context.Context, source, agreement string, at mdc.Position, wait time.Duration) (replication.Page, error) {
	master, err := s.l.reach(s.self, source)
	if err != nil {
		return replication.Page{}, err
	}
	if s.l.isDead(s.self) {
		<-ctx.Done()
		return replication.Page{}, ctx.Err()
	}
	page, err := master.feed.Journal(ctx, replication.Caller{ClusterID: s.self}, agreement, at, wait)
	if err != nil {
		return page, err
	}
	if _, err := s.l.reach(s.self, source); err != nil {
		return replication.Page{}, err
	}
	s.l.mu.Lock()
	defer s.l.mu.Unlock()
	page.Ahead = true
	s.l.polls[s.self]++
	if s.l.page != nil {
		s.l.page(&page)
	}
	return page, nil
}

func (s sources) Ahead(ctx context.Context, source, agreement string, at mdc.Position) (replication.Page, error) {
	master, err := s.l.reach(s.self, source)
	if err != nil {
		return replication.Page{}, err
	}
	page, err := master.feed.Ahead(ctx, replication.Caller{ClusterID: s.self}, agreement, at)
	page.Ahead = true
	s.l.mu.Lock()
	defer s.l.mu.Unlock()
	s.l.aheads[s.self]++
	if s.l.page != nil && err == nil {
		s.l.page(&page)
	}
	return page, err
}

func (s sources) Snapshot(ctx context.Context, source, agreement string, begin func(mdc.Position) error, item func(replication.Item) error) (uint64, error) {
	master, err := s.l.reach(s.self, source)
	if err != nil {
		return 0, err
	}
	s.l.mu.Lock()
	s.l.takes[s.self]++
	tap := s.l.item
	s.l.mu.Unlock()
	return master.feed.Snapshot(ctx, replication.Caller{ClusterID: s.self}, agreement, begin, func(i replication.Item) error {
		if _, err := s.l.reach(s.self, source); err != nil {
			return err
		}
		if tap != nil {
			if err := tap(&i); err != nil {
				return err
			}
		}
		return item(i)
	})
}

// site is one data center: a real store, its journal, and both sides of replication.
type site struct {
	t        testing.TB
	l        *link
	id, dir  string
	memTable int64 // 0 = 16 MiB; it decides how much one transaction takes
	clock    clock.Clock
	store    *badger.Store
	log      *journal.Log
	keys     *replication.Keys
	feed     *replication.Feed
	follower *replication.Follower
	stop     func() // the follower
	stopFeed func()
}

func newSite(t testing.TB, l *link, id string, c clock.Clock) *site {
	t.Helper()
	s := &site{t: t, l: l, id: id, dir: t.TempDir(), clock: c}
	s.open()
	t.Cleanup(func() { s.close() })
	return s
}

func (s *site) open() {
	s.t.Helper()
	ctx := s.t.Context()
	var err error
	s.store, err = badger.Open(badger.Config{Dir: s.dir, MinFree: -1, MemTableBytes: cmp.Or(s.memTable, 16<<20), CacheBytes: 4 << 20})
	must(s.t, err)
	s.log, err = journal.New(ctx, journal.Config{Store: s.store, Wrapper: newWrapper(s.t), ClusterID: s.id, Clock: s.clock})
	must(s.t, err)
	s.keys, err = replication.OpenKeys(ctx, s.store, newWrapper(s.t))
	must(s.t, err)
	s.feed, err = replication.NewFeed(ctx, replication.FeedConfig{Log: s.log, Store: s.store, Keys: s.keys, ClusterID: s.id, Clock: s.clock})
	must(s.t, err)
	s.follower, err = replication.New(replication.Config{Log: s.log, Store: s.store, Keys: s.keys, Sources: sources{s.l, s.id}, ClusterID: s.id, Clock: s.clock})
	must(s.t, err)
	s.l.mu.Lock()
	s.l.sites[s.id] = s
	s.l.mu.Unlock()
	s.stopFeed = background(s.feed.Run)
	s.run()
}

// run starts the follower; stop ends it. The feed runs while the store is open.
func (s *site) run() {
	s.stop = background(s.follower.Run)
}

func background(run func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() { _ = run(ctx) })
	return func() {
		cancel()
		group.Wait()
	}
}

func (s *site) close() {
	s.l.mu.Lock()
	delete(s.l.sites, s.id)
	s.l.mu.Unlock()
	s.stop()
	s.stopFeed()
	if err := s.store.Close(); err != nil {
		s.t.Errorf("close store of %s: %v", s.id, err)
	}
}

// reopen is a restart.
func (s *site) reopen() {
	s.t.Helper()
	s.close()
	s.open()
}

func (s *site) update(fn func(tx *journal.Tx) error) {
	s.t.Helper()
	must(s.t, s.log.Update(s.t.Context(), fn))
}

func (s *site) put(kind mdc.Kind, objects ...mdc.Object) {
	s.t.Helper()
	for _, o := range objects {
		s.update(func(tx *journal.Tx) error { return tx.Put(kind, o, "test") })
	}
}

func (s *site) groups(from, to int) {
	s.t.Helper()
	for i := from; i < to; i++ {
		s.put(mdc.GroupKind(), &mdc.Group{Name: fmt.Sprintf("g%d", i), Description: fmt.Sprintf("group number %d", i)})
	}
}

func (s *site) position() mdc.Position {
	s.t.Helper()
	pos, err := s.log.Position(s.t.Context())
	must(s.t, err)
	return pos
}

// reaches waits until the site stands exactly where the other one does.
func (s *site) reaches(other *site) {
	s.t.Helper()
	end := time.After(patience)
	for {
		changed := s.log.Changed()
		if s.position() == other.position() {
			return
		}
		select {
		case <-changed:
		case <-end:
			st, _ := s.follower.Status(s.t.Context())
			s.t.Fatalf("%s stands at %+v, %s at %+v; status %+v", s.id, s.position(), other.id, other.position(), st)
		}
	}
}

func (s *site) items() map[string]string {
	s.t.Helper()
	out := map[string]string{}
	must(s.t, s.log.View(s.t.Context(), func(v *journal.Snapshot) error {
		return v.Items(func(i journal.Item) error {
			out[i.Kind+"/"+i.Name] = string(i.Body)
			return nil
		})
	}))
	return out
}

// status gives the clone's side of the one agreement.
func (s *site) status() replication.Status {
	s.t.Helper()
	st, err := s.follower.Status(s.t.Context())
	must(s.t, err)
	if len(st) != 1 {
		s.t.Fatalf("%s has %d clone-side agreements", s.id, len(st))
	}
	return st[0]
}

// inState waits for a state of the one agreement.
func (s *site) inState(state string) replication.Status {
	s.t.Helper()
	var st replication.Status
	eventually(s.t, "state "+state, func() bool { st = s.status(); return st.State == state })
	return st
}

// agree writes both halves of an agreement, as topology does.
func agree(master, clone *site, id string, change func(*mdc.Agreement)) {
	a := mdc.AgreementKind().New().(*mdc.Agreement)
	a.Name, a.Source, a.Target, a.Identifier = id, master.id, clone.id, id
	if change != nil {
		change(a)
	}
	m, c := *a, *a
	m.Side, c.Side = mdc.SideMaster, mdc.SideClone
	master.put(mdc.DataCenterKeyKind(), &mdc.DataCenterKey{ClusterID: clone.id, PublicKey: clone.keys.Public()})
	master.put(mdc.AgreementKind(), &m)
	clone.put(mdc.AgreementKind(), &c)
}

func (s *site) enable(id string, enabled bool) {
	s.t.Helper()
	s.update(func(tx *journal.Tx) error {
		o, err := tx.Get(mdc.AgreementKind(), id)
		if err != nil {
			return err
		}
		a := *o.(*mdc.Agreement)
		a.Enabled = enabled
		return tx.Put(mdc.AgreementKind(), &a, "test")
	})
}

func bootstrap(t testing.TB, clone *site, id string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	must(t, clone.follower.Bootstrap(ctx, id))
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
