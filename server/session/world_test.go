package session_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/audit"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session"
	"github.com/concord-access/terraform-provider-concord/server/session/revocation"
	"github.com/concord-access/terraform-provider-concord/server/session/seal"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/store/badger"
)

// world is some data centers in one process: real engines on real Badger stores, joined by links that can be cut.
type world struct {
	t       testing.TB
	dir     string
	clock   *clock.Manual
	ring    *seal.Ring
	centers map[string]*center

	mu      sync.Mutex // guards the rest
	policy  atomic.Pointer[mdc.SessionPolicy]
	cut     map[string]bool                       // "A>B": calls of A do not reach B
	lose    map[string]int                        // "A>B": answers of that many retrievals get lost
	broken  map[string]func() error               // "A>B": what comes back instead
	alter   func(*mdc.Session)                    // what partners make of a session that they give
	people  map[string]session.Person             // "A/store/user"
	events  func([]session.Event) []session.Event // what becomes of a batch on its way; nil = nothing
	down    map[string]bool                       // data centers whose identity store is down
	lookUps int                                   // in all identity stores
	asked   func(context.Context) error           // what comes before each retrieval; nil = nothing
	held    func(*session.ReserveAnswer)          // what partners make of what they count; nil = nothing
}

type center struct {
	*session.Engine
	w               *world
	id              string
	capacity        atomic.Int64
	sessions, state *badger.Store
	told            *receiver
	log             *audit.Log
	recorder        *audit.Recorder
	shared          bool // there is another node
	unrecorded      bool // nothing can be recorded, from the next open on
	ready           atomic.Bool
	retrievals      atomic.Int64
	asked           atomic.Int64 // for last accesses
	between
}

// between is what a test does between an engine and its sessions.
type between struct {
	viewed  atomic.Pointer[func()]       // called once, after the next view and before its answer
	updated atomic.Pointer[func()]       // the same of the next update
	writes  atomic.Pointer[func() error] // called before each update, which it may hold up or refuse
}

// watched is a store that a test gets between.
type watched struct {
	store.Store
	*between
}

func (s watched) View(ctx context.Context, fn func(store.Reader) error) error {
	err := s.Store.View(ctx, fn)
	if then := s.viewed.Swap(nil); then != nil {
		(*then)()
	}
	return err
}

func (s watched) Update(ctx context.Context, fn func(store.Writer) error) error {
	if first := s.writes.Load(); first != nil {
		if err := (*first)(); err != nil {
			return err
		}
	}
	err := s.Store.Update(ctx, fn)
	if then := s.updated.Swap(nil); then != nil {
		(*then)()
	}
	return err
}

const people = "people"

func newWorld(t testing.TB, ids ...string) *world {
	w := &world{t: t, dir: t.TempDir(), clock: clock.NewManual(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)), ring: new(seal.Ring),
		centers: map[string]*center{}, cut: map[string]bool{}, lose: map[string]int{},
		broken: map[string]func() error{}, down: map[string]bool{}, people: map[string]session.Person{}}
	p := mdc.DefaultSessionPolicy()
	p.SignInURL = "https://login.example.com"
	w.policy.Store(p)
	w.newKeys()
	for _, id := range ids {
		w.centers[id] = &center{w: w, id: id, told: &receiver{news: make(chan struct{}, 1)}}
	}
	for _, id := range ids {
		for _, user := range []string{"ann", "bob"} {
			w.setPerson(id, session.Person{Name: user, Groups: []string{"staff-" + id}, Attributes: map[string]string{"from": id}, Enabled: true})
		}
		w.open(id)
	}
	t.Cleanup(func() {
		for _, c := range w.centers {
			c.close()
		}
	})
	return w
}

func (w *world) newKeys() {
	keysets := map[string][]byte{}
	for _, p := range mdc.Purposes() {
		b, err := seal.NewKeyset(p)
		must(w.t, err)
		keysets[p] = b
	}
	must(w.t, w.ring.Set(keysets))
}

// open starts a data center on its directory, also after close or kill.
func (w *world) open(id string) { w.openWaiting(id, -1) }

// openWaiting lets sign-outs wait for acknowledgements.
func (w *world) openWaiting(id string, receipt time.Duration) {
	c := w.centers[id]
	c.sessions = w.store(filepath.Join(w.dir, id, "sessions"))
	c.state = w.store(filepath.Join(w.dir, id, "state"))
	c.log = audit.Open(audit.Config{ClusterID: id, NodeName: "n1", Chain: audit.Runtime, Key: []byte("key"), Clock: w.clock})
	var err error
	c.recorder, err = audit.NewRecorder(audit.RecorderConfig{Log: c.log, Store: c.sessions, Clock: w.clock, Logger: slog.New(slog.DiscardHandler)})
	must(w.t, err)
	var recorder session.Recorder = c.recorder
	if c.unrecorded {
		recorder = refusing{recorder}
	}
	c.engine(recorder, receipt)
	c.ready.Store(true)
}

// engine makes the center's engine on its stores.
func (c *center) engine(recorder session.Recorder, receipt time.Duration) {
	w, id := c.w, c.id
	e, err := session.New(session.Config{Audit: recorder, ClusterID: id, Sessions: watched{c.sessions, &c.between}, State: c.state, Keys: w.ring, Policies: w,
		Directory: directory{w, id}, Partners: partners{w, id}, Peers: peers{w, id}, Clock: w.clock, Logger: slog.New(slog.DiscardHandler),
		SignInURL: "https://" + strings.ToLower(id) + ".example.com", Ready: c.ready.Load, ReceiptWait: receipt, Calls: c.told, Shared: c.shared, Capacity: func() int { return int(c.capacity.Load()) }})
	must(w.t, err)
	c.Engine = e
}

// secondNode runs another node of a data center on the same stores, as centers["<id>#2"]. Both follow each other until the
// test ends.
func (w *world) secondNode(id string) {
	first := w.centers[id]
	first.shared = true
	first.engine(first.recorder, -1)
	second := &center{w: w, id: id, shared: true, told: first.told, sessions: first.sessions, state: first.state, log: first.log, recorder: first.recorder}
	second.engine(second.recorder, -1)
	second.ready.Store(true)
	w.centers[id+"#2"] = second
	ctx, stop := context.WithCancel(context.Background())
	var nodes sync.WaitGroup
	for _, c := range []*center{first, second} {
		nodes.Go(func() { must(w.t, c.RunNode(ctx)) })
	}
	w.t.Cleanup(func() { stop(); nodes.Wait() }) // before the stores close
}

func (w *world) store(dir string) *badger.Store {
	s, err := badger.Open(badger.Config{Dir: dir, MemTableBytes: 8 << 20, CacheBytes: 1 << 20, Clock: w.clock, MinFree: -1})
	must(w.t, err)
	return s
}

func (c *center) close() {
	_ = c.sessions.Close()
	_ = c.state.Close()
}

// reopen loses what is in memory only.
func (c *center) reopen() {
	c.close()
	c.w.open(c.id)
}

func (w *world) SessionPolicy() *mdc.SessionPolicy { return w.policy.Load() }

func (w *world) set(edit func(*mdc.SessionPolicy)) {
	p := *w.policy.Load()
	edit(&p)
	w.policy.Store(&p)
}

func (w *world) setPerson(id string, p session.Person) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.people[id+"/"+people+"/"+p.Name] = p
}

// part cuts or joins the link between two data centers, both ways.
func (w *world) part(a, b string, cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut[a+">"+b], w.cut[b+">"+a] = cut, cut
}

type directory struct {
	w  *world
	id string
}

func (d directory) User(_ context.Context, identityStore, name string) (session.Person, bool, error) {
	d.w.mu.Lock()
	defer d.w.mu.Unlock()
	d.w.lookUps++
	if d.w.down[d.id] {
		return session.Person{}, false, fault.New(fault.Unavailable, "identity_store_down", "It is down.")
	}
	p, ok := d.w.people[d.id+"/"+identityStore+"/"+strings.ToLower(name)]
	return p, ok, nil
}

type partners struct {
	w  *world
	id string
}

func (p partners) List() (ids []string) {
	for id := range p.w.centers {
		if id != p.id && !strings.Contains(id, "#") { // a second node is no partner
			ids = append(ids, id)
		}
	}
	return ids
}

type peers struct {
	w    *world
	from string
}

// to gives the partner if the call gets there, and what a broken partner answers.
func (p peers) to(cluster string) (*center, error) {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	if p.w.cut[p.from+">"+cluster] {
		return nil, fmt.Errorf("%w: cut", session.ErrUnreachable)
	}
	if answer := p.w.broken[p.from+">"+cluster]; answer != nil {
		if err := answer(); err != nil {
			return nil, err
		}
	}
	return p.w.centers[cluster], nil
}

func transport(err error) error {
	switch {
	case err == nil:
		return nil
	case fault.Is(err, fault.Unavailable):
		return fmt.Errorf("%w: %w", session.ErrUnreachable, err)
	}
	return fmt.Errorf("%w: %w", session.ErrRefused, err)
}

func (p peers) Retrieve(ctx context.Context, cluster string, q session.RetrieveRequest) (a session.RetrieveAnswer, err error) {
	c, err := p.to(cluster)
	if err != nil {
		return a, err
	}
	c.retrievals.Add(1)
	if p.w.asked != nil {
		if err := p.w.asked(ctx); err != nil {
			return a, err
		}
	}
	if a, err = c.Retrieve(ctx, p.from, q); err != nil {
		return a, transport(err)
	}
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	if p.w.lose[p.from+">"+cluster] > 0 {
		p.w.lose[p.from+">"+cluster]--
		return session.RetrieveAnswer{}, fmt.Errorf("%w: answer lost", session.ErrUnreachable)
	}
	if a.Session != nil { // as on the wire
		b, _ := json.Marshal(a.Session)
		a.Session = new(mdc.Session)
		err = json.Unmarshal(b, a.Session)
		if p.w.alter != nil {
			p.w.alter(a.Session)
		}
	}
	return a, err
}

func (p peers) SendEvents(ctx context.Context, cluster string, events []session.Event) error {
	c, err := p.to(cluster)
	if err != nil {
		return err
	}
	if p.w.events != nil {
		events = p.w.events(events)
	}
	return transport(c.ReceiveEvents(ctx, p.from, events))
}

func (p peers) LastAccess(ctx context.Context, cluster string, ssos []mdc.SSOID) ([]time.Time, error) {
	c, err := p.to(cluster)
	if err != nil {
		return nil, err
	}
	c.asked.Add(1)
	last, err := c.LastAccess(ctx, p.from, ssos)
	return last, transport(err)
}

func (p peers) Reserve(ctx context.Context, cluster string, q session.ReserveRequest) (session.ReserveAnswer, error) {
	c, err := p.to(cluster)
	if err != nil {
		return session.ReserveAnswer{}, err
	}
	a, err := c.Reserve(ctx, p.from, q)
	if p.w.held != nil && err == nil {
		p.w.held(&a)
	}
	return a, transport(err)
}

func (p peers) SendRevocations(ctx context.Context, cluster string, b revocation.Batch) (map[string]uint64, error) {
	c, err := p.to(cluster)
	if err != nil {
		return nil, err
	}
	have, err := c.ReceiveRevocations(ctx, p.from, b)
	return have, transport(err)
}

func (p peers) PullRevocations(ctx context.Context, cluster string, q revocation.Pull) (revocation.Batch, error) {
	c, err := p.to(cluster)
	if err != nil {
		return revocation.Batch{}, err
	}
	b, err := c.PullRevocations(ctx, p.from, q)
	return b, transport(err)
}

var agents = map[string]*mdc.Agent{
	"shop":  {Name: "shop", Hosts: []string{"https://shop.example.com"}, StartPage: "https://shop.example.com/start"},
	"wiki":  {Name: "wiki", Hosts: []string{"https://wiki.example.com", "https://wiki.example.com:8443"}},
	"long":  {Name: "long", Hosts: []string{"https://long.example.com"}, CookieLifetime: mdc.Duration(12 * time.Hour)},
	"bank":  {Name: "bank", Hosts: []string{"https://bank.example.com"}, BackchannelLogoutURL: "https://bank.example.com/ended"},
	"mail":  {Name: "mail", Hosts: []string{"https://mail.example.com"}, BackchannelLogoutURL: "https://mail.example.com/ended"},
	"other": {Name: "other", Hosts: []string{"https://shop.example.com"}},
}

// browser keeps cookies by host name, as browsers do: ports do not matter.
type browser struct {
	w    *world
	jars map[string]map[string]string
}

func (w *world) browser() *browser { return &browser{w: w, jars: map[string]map[string]string{}} }

func (b *browser) keep(host string, setCookies []string) {
	if b.jars[host] == nil {
		b.jars[host] = map[string]string{}
	}
	for _, c := range setCookies {
		pair, attributes, _ := strings.Cut(c, ";")
		name, value, _ := strings.Cut(pair, "=")
		if _, domain, ok := strings.Cut(attributes, "Domain="); ok {
			domain, _, _ = strings.Cut(domain, ";")
			b.keep(domain, []string{strings.Replace(c, "; Domain="+domain, "", 1)})
			continue
		}
		if strings.Contains(attributes, "Max-Age=0") {
			delete(b.jars[host], name)
			continue
		}
		b.jars[host][name] = value
	}
}

func (b *browser) cookie(host, name string) string { return b.jars[host][name] }
func (b *browser) sso() string                     { return b.cookie("login.example.com", session.SignInCookieName(true)) }
func (b *browser) agentCookie(agent string) string {
	return b.cookie(agent+".example.com", session.AgentCookieName(agent, true))
}

func (b *browser) flows(agent string) (all []string) {
	for name, value := range b.jars[agent+".example.com"] {
		if strings.HasPrefix(name, session.FlowCookiePrefix(agent, true)) {
			all = append(all, name+"="+value)
		}
	}
	return all
}

func (b *browser) signIn(at, user string) session.Found {
	b.w.t.Helper()
	f, err := b.w.centers[at].SignIn(context.Background(), session.SignInRequest{Store: people, Level: 1, ClientAddress: "192.0.2.1",
		Person:      session.Person{Name: user, Groups: []string{"staff-" + at}, Attributes: map[string]string{"from": at}, Enabled: true},
		PriorCookie: b.sso(), Inactivity: b.gito()})
	must(b.w.t, err)
	b.keep("login.example.com", f.SetCookies)
	return f
}

func (b *browser) gito() string { return b.cookie("example.com", session.InactivityCookieName(true)) }

// visit goes to the sign-in host, which the balancer sends to the data center at.
func (b *browser) visit(at string) session.Found {
	b.w.t.Helper()
	f, err := b.w.centers[at].VisitWith(context.Background(), b.sso(), b.gito())
	must(b.w.t, err)
	b.keep("login.example.com", f.SetCookies)
	return f
}

func (b *browser) authorize(agent, at string) session.Decision {
	b.w.t.Helper()
	d, err := b.w.centers[at].Authorize(context.Background(), agents[agent], session.AuthorizeInput{Scheme: "https", Host: agent + ".example.com",
		Cookie: b.agentCookie(agent), Inactivity: b.gito()})
	must(b.w.t, err)
	if d.SetCookie != "" {
		b.keep(agent+".example.com", []string{d.SetCookie})
	}
	return d
}

func (w *world) authorize(agent, at, cookie string) session.Decision {
	w.t.Helper()
	d, err := w.centers[at].Authorize(context.Background(), agents[agent], session.AuthorizeInput{Scheme: "https", Host: agent + ".example.com", Cookie: cookie})
	must(w.t, err)
	return d
}

// sync exchanges everything over every link that is whole, until nothing is left to relay.
func (w *world) sync() {
	w.t.Helper()
	for range w.centers {
		for _, c := range w.centers {
			for _, p := range (partners{w, c.id}).List() {
				if err := c.Sync(context.Background(), p); err != nil && !errors.Is(err, session.ErrUnreachable) {
					w.t.Fatal(err)
				}
			}
		}
	}
}

func (c *center) list() []*mdc.Session {
	c.w.t.Helper()
	page, _, err := c.List(context.Background(), session.ListFilter{}, "", 100)
	must(c.w.t, err)
	return page
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func want[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
