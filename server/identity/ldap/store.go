package ldap

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/concord-access/terraform-provider-concord/server/identity"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// wholeTime bounds everything that one sign-in or one look-up asks of a directory, over all of its servers.
const wholeTime = 20 * time.Second

// Config wires a Store. Everything is needed, but for Password where nobody in particular searches.
type Config struct {
	Settings mdc.IdentityStore
	Password string                                                               // of Settings.BindDN
	Dial     func(ctx context.Context, network, address string) (net.Conn, error) // opens every connection
	Logger   *slog.Logger
}

// Store is the people of one directory. Safe for concurrent use.
type Store struct {
	cfg     Config
	log     *slog.Logger
	servers []*server
	turns   [uses]turns // connections in hand
}

var _ identity.Store = (*Store)(nil)

// New makes a store and connects to nobody. Settings have passed their validation and Faults.
func New(c Config) (*Store, error) {
	if c.Dial == nil || c.Logger == nil || len(c.Settings.URLs) == 0 {
		return nil, errors.New("make LDAP store: settings with a server, a dialer and a logger are needed")
	}
	s := &Store{cfg: c, log: c.Logger.With("identity_store", c.Settings.Name)}
	for u := range s.turns {
		s.turns[u] = newTurns(c.Settings.PoolSize)
	}
	for _, text := range c.Settings.URLs {
		t, err := newTarget(&s.cfg, text)
		if err != nil {
			return nil, fmt.Errorf("make LDAP store: %w", err)
		}
		s.servers = append(s.servers, newServer(t))
	}
	return s, nil
}

// Close lets go of all connections. What runs ends by itself.
func (s *Store) Close() {
	for _, sv := range s.servers {
		sv.close()
	}
}

// Check finds the person, then has the directory compare the password. A person who is not there costs a bind too, with a
// name that nobody has, so that both ways ask the directory for the same (SEC-31); how long the directory itself takes for
// either is its own.
func (s *Store) Check(ctx context.Context, account, password string) (p identity.Person, refused identity.Reason, err error) {
	switch {
	case password == "" || strings.ContainsRune(password, 0): // some directories take either for "no password"
		return p, identity.WrongPassword, nil
	case !mdc.ValidName(account):
		return p, identity.UnknownUser, nil
	}
	ctx, cancel := context.WithTimeout(ctx, wholeTime)
	defer cancel()
	f, reason, err := s.find(ctx, account)
	if err != nil {
		return p, "", err
	}
	ok, err := s.proves(ctx, f.dn, password)
	switch {
	case err != nil:
		return p, "", err
	case reason != "":
		return p, reason, nil
	case !ok:
		return p, identity.WrongPassword, nil
	}
	return s.proved(ctx, f, account)
}

// proved is who gave the right password, with what the directory says of them.
func (s *Store) proved(ctx context.Context, f found, account string) (p identity.Person, refused identity.Reason, err error) {
	if !mdc.SameName(f.name, account) {
		if refused, err = s.same(ctx, f); err != nil || refused != "" {
			return p, refused, err
		}
	}
	p, err = s.person(ctx, f)
	return p, "", err
}

// User gives a person as the directory has them now, by their name in Concord; found is false for who is not there, or is
// not found by the filter any more.
func (s *Store) User(ctx context.Context, name string) (p identity.Person, found bool, err error) {
	if !mdc.ValidName(name) {
		return p, false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, wholeTime)
	defer cancel()
	f, reason, err := s.find(ctx, name)
	if err != nil || reason != "" || !mdc.SameName(f.name, name) {
		return p, false, err
	}
	p, err = s.person(ctx, f)
	return p, err == nil, err
}

// proves has the directory compare a password. Where nobody was found, dn is "" and a name is tried that nobody has.
func (s *Store) proves(ctx context.Context, dn, password string) (ok bool, err error) {
	if dn == "" {
		dn = "cn=" + strings.ToLower(rand.Text()) + "," + s.cfg.Settings.UserSearchBase
	}
	err = s.with(ctx, binds, func(l *line) error {
		return l.ask(ctx, func(c *ldap.Conn) error { return c.Bind(dn, password) })
	})
	switch {
	case err == nil:
		return true, nil
	case refusesBind(err):
		return false, nil
	}
	return false, s.trouble(err)
}
