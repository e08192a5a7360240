package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/chacha20poly1305"
	"golang.org/x/sync/errgroup"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/server/config"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session"
	"github.com/concord-access/terraform-provider-concord/server/session/revocation"
	"github.com/concord-access/terraform-provider-concord/server/session/seal"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/store/badger"
)

// What the authorize benchmarks ask about.
const (
	users   = 1_000
	appHost = "shop.example.com"
	agentID = "bench"
)

// userName gives names of one length, so that all answers have the same.
func userName(n int) string { return fmt.Sprintf("person%04d", n%users) }

// crowd is what a data center is given: sessions, the first of them with an agent's cookie, the last of them ended again.
type crowd struct{ sessions, cookies, ended int }

// populate signs people in and walks the first of them through to an agent's cookie. A password sign-in costs 20 ms by
// design, so the sessions are made by the session package in the stopped data center's own stores, under its own keys.
func populate(ctx context.Context, dc config.DevDataCenter, c crowd) (agentCookies []string, err error) {
	m, err := openMaker(ctx, dc)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.close()) }()
	agentCookies = make([]string, c.cookies)
	var next atomic.Int64
	var g errgroup.Group
	for range 256 { // the store's committer groups them
		g.Go(func() error {
			for i := int(next.Add(1)) - 1; i < c.sessions && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				f, err := m.signIn(ctx, i)
				if err == nil && i < c.cookies {
					agentCookies[i], err = enter(ctx, m.engine, f)
				}
				if err == nil && i >= c.sessions-c.ended {
					_, err = m.engine.SignOutSession(ctx, f.Session.ID)
				}
				if err != nil {
					return err
				}
			}
			return ctx.Err()
		})
	}
	if err := g.Wait(); err != nil {
		return nil, fmt.Errorf("make sessions: %w", err)
	}
	return agentCookies, nil
}

// maker makes sessions in the stores of a data center that does not run.
type maker struct {
	state, sessions closing
	ring            *seal.Ring
	engine          *session.Engine
}

// closing is a store that its opener closes.
type closing interface {
	store.Store
	Close() error
}

func openMaker(ctx context.Context, dc config.DevDataCenter) (m *maker, err error) {
	n, err := config.Load(dc.ConfigFile)
	if err != nil {
		return nil, err
	}
	m = &maker{}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.close())
		}
	}()
	state, err := badger.Open(badger.Config{Dir: filepath.Join(n.DataDir, "state"), // with its head record, as a server opens it
		Mirror: &badger.MirrorConfig{Path: filepath.Join(n.DataDir, "head"), Key: journal.PositionKey()}})
	if err != nil {
		return m, fmt.Errorf("open state: %w", err)
	}
	m.state = state
	sessions, err := badger.Open(badger.Config{Dir: filepath.Join(n.DataDir, "sessions")})
	if err != nil {
		return m, fmt.Errorf("open sessions: %w", err)
	}
	m.sessions = sessions
	if m.ring, err = ringOf(ctx, n, m.state); err != nil {
		return m, err
	}
	return m, m.start(dc)
}

// start makes the engine.
func (m *maker) start(dc config.DevDataCenter) (err error) {
	m.engine, err = session.New(session.Config{ClusterID: dc.ClusterID, Sessions: m.sessions, State: m.state, Keys: m.ring, Policies: alone{}, Directory: alone{},
		Partners: alone{}, Peers: alone{}, Clock: clock.System{}, Logger: slog.New(slog.DiscardHandler), SignInURL: dc.RuntimeURL, Ready: func() bool { return true }})
	return err
}

func (m *maker) close() (err error) {
	for _, s := range []closing{m.sessions, m.state} {
		if s != nil {
			err = errors.Join(err, s.Close())
		}
	}
	return err
}

// signIn makes the i-th sign-on.
func (m *maker) signIn(ctx context.Context, i int) (session.Found, error) {
	return m.engine.SignIn(ctx, session.SignInRequest{Person: person(userName(i)), Store: mdc.LocalStore, Level: 1, ClientAddress: "192.0.2.1"})
}

// enter is the way of a browser from the sign-in host to the agent's cookie.
func enter(ctx context.Context, e *session.Engine, f session.Found) (string, error) {
	a := &mdc.Agent{Name: agentID, Hosts: []string{"https://" + appHost}}
	location, flow, err := e.BeginFlow(a, session.Flow{Scheme: "https", Host: appHost, Target: "/"})
	if err != nil {
		return "", err
	}
	_, request, _ := strings.Cut(location, "?request=")
	r, err := e.OpenRequest(request)
	if err != nil {
		return "", err
	}
	callback, err := e.IssueCode(f, a, r)
	if err != nil {
		return "", err
	}
	u, err := url.Parse(callback)
	if err != nil {
		return "", err
	}
	pair, _, _ := strings.Cut(flow[0], ";")
	out, err := e.Redeem(ctx, a, session.RedeemInput{Scheme: "https", Host: appHost, Code: u.Query().Get("code"), State: u.Query().Get("state"), FlowCookies: []string{pair}})
	if err != nil || out.Session == nil {
		return "", fmt.Errorf("redeem: rule %q: %w", out.Rule, err)
	}
	pair, _, _ = strings.Cut(out.SetCookies[len(out.SetCookies)-1], ";")
	_, value, _ := strings.Cut(pair, "=")
	return value, nil
}

// ringOf reads the cookie keys that the data center's first start made.
func ringOf(ctx context.Context, n *config.Node, state store.Store) (*seal.Ring, error) {
	key, err := os.ReadFile(filepath.Join(n.DataDir, "node.key"))
	if err != nil {
		return nil, fmt.Errorf("read node key: %w", err)
	}
	log, err := journal.New(ctx, journal.Config{Store: state, Wrapper: nodeKey(key), ClusterID: n.ClusterID, Clock: clock.System{}})
	if err != nil {
		return nil, err
	}
	sets := map[string][]byte{}
	err = log.View(ctx, func(s *journal.Snapshot) error {
		for _, purpose := range mdc.Purposes() {
			o, err := s.Get(mdc.KeysetKind(), purpose)
			if err != nil {
				return err
			}
			if set, ok := o.(*mdc.Keyset); ok {
				sets[purpose] = set.Keyset
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read cookie keys: %w", err)
	}
	ring := &seal.Ring{}
	return ring, ring.Set(sets)
}

// nodeKey opens what a node of this machine wrapped with its node.key: XChaCha20-Poly1305, the nonce before the text.
type nodeKey []byte

var _ journal.Wrapper = nodeKey(nil)

// Wrap refuses: this program reads only.
func (k nodeKey) Wrap(_, _ []byte) ([]byte, error) {
	return nil, fmt.Errorf("wrap: this program reads only")
}

// Unwrap opens.
func (k nodeKey) Unwrap(wrapped, context []byte) ([]byte, error) {
	aead, err := chacha20poly1305.NewX(k)
	if err != nil || len(wrapped) < chacha20poly1305.NonceSizeX {
		return nil, fmt.Errorf("unwrap %d bytes: %w", len(wrapped), err)
	}
	return aead.Open(nil, wrapped[:aead.NonceSize()], wrapped[aead.NonceSize():], context)
}

// alone is the surroundings of a data center without partners in which everybody may sign in.
type alone struct{}

func person(name string) session.Person {
	return session.Person{Name: name, Groups: []string{"staff"}, Enabled: true}
}

// SessionPolicy gives the defaults.
func (alone) SessionPolicy() *mdc.SessionPolicy { return mdc.DefaultSessionPolicy() }

// User finds everybody.
func (alone) User(_ context.Context, _, name string) (session.Person, bool, error) {
	return person(name), true, nil
}

// List gives no partner.
func (alone) List() []string { return nil }

// Retrieve and the rest reach nobody.
func (alone) Retrieve(context.Context, string, session.RetrieveRequest) (session.RetrieveAnswer, error) {
	return session.RetrieveAnswer{}, session.ErrUnreachable
}

// SendEvents reaches nobody.
func (alone) SendEvents(context.Context, string, []session.Event) error {
	return session.ErrUnreachable
}

// LastAccess reaches nobody.
func (alone) LastAccess(context.Context, string, []mdc.SSOID) ([]time.Time, error) {
	return nil, session.ErrUnreachable
}

// Reserve reaches nobody.
func (alone) Reserve(context.Context, string, session.ReserveRequest) (session.ReserveAnswer, error) {
	return session.ReserveAnswer{}, session.ErrUnreachable
}

// SendRevocations reaches nobody.
func (alone) SendRevocations(context.Context, string, revocation.Batch) (map[string]uint64, error) {
	return nil, session.ErrUnreachable
}

// PullRevocations reaches nobody.
func (alone) PullRevocations(context.Context, string, revocation.Pull) (revocation.Batch, error) {
	return revocation.Batch{}, session.ErrUnreachable
}

// prepared is how long populate may take.
const prepared = 3 * time.Minute
