package app

import (
	"context"
	"net"
	"sync"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/configuration"
	"github.com/concord-access/terraform-provider-concord/server/identity"
	"github.com/concord-access/terraform-provider-concord/server/identity/ldap"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session"
)

// directories are the declared identity stores as this data center asks them: under its own overrides, each with its
// connections. One whose declaration changed is made anew at its next use.
type directories struct {
	model *model
	cfg   ldap.Config // without settings and password

	mu   sync.Mutex // guards open
	open map[string]openDirectory
}

type openDirectory struct {
	from  *declaredStore // the very declaration that it was made from
	store *ldap.Store
}

// declaredStore is an identity store with its bind password.
type declaredStore struct {
	settings *mdc.IdentityStore
	password string
}

func (n *Node) newDirectories() *directories {
	return &directories{model: n.model, open: map[string]openDirectory{},
		cfg: ldap.Config{Logger: n.log, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			return n.dialer.DialContext(ctx, network, address)
		}}}
}

// get gives a store by its name; nil when none such is declared.
func (d *directories) get(ctx context.Context, name string) (*ldap.Store, error) {
	if !mdc.ValidName(name) {
		return nil, nil
	}
	declared, err := d.model.IdentityStore(ctx, name)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	was, known := d.open[name]
	if known && was.from == declared {
		return was.store, nil
	}
	if known {
		was.store.Close()
		delete(d.open, name)
	}
	if declared == nil {
		return nil, nil
	}
	cfg := d.cfg
	cfg.Settings, cfg.Password = *declared.settings, declared.password
	s, err := ldap.New(cfg)
	if err == nil {
		d.open[name] = openDirectory{declared, s}
	}
	return s, err
}

// Store serves the authenticator.
func (d *directories) Store(ctx context.Context, name string) (identity.Store, error) {
	s, err := d.get(ctx, name)
	if s == nil || err != nil {
		return nil, err
	}
	return s, nil
}

// close lets go of every connection.
func (d *directories) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, o := range d.open {
		o.store.Close()
		delete(d.open, name)
	}
}

// directory is the identity stores of this data center, as the session engine asks them.
type directory struct {
	model *model
	*directories
}

// User finds a person in the local store, or in the directory of that name.
func (d directory) User(ctx context.Context, identityStore, name string) (session.Person, bool, error) {
	if identityStore == mdc.LocalStore {
		return d.local(ctx, name)
	}
	s, err := d.get(ctx, identityStore)
	if s == nil || err != nil {
		return session.Person{}, false, err
	}
	p, found, err := s.User(ctx, name)
	if err != nil || !found {
		return session.Person{}, false, err
	}
	return session.Person{Name: p.Name, Groups: p.Groups, Attributes: p.Attributes, Enabled: true, Prevails: true}, true, nil
}

func (d directory) local(ctx context.Context, name string) (session.Person, bool, error) {
	u, found, err := d.model.User(ctx, name)
	if err != nil || !found {
		return session.Person{}, false, err
	}
	return session.Person{Name: u.Name, Groups: u.Groups, Attributes: u.Attributes, Enabled: u.Enabled, Prevails: true}, true, nil
}

// directoryFits refuses what no directory could read, and an account without its password: many directories take a bind with
// a name and no password as one of nobody, and let it in (RFC 4513 section 5.1.2).
func directoryFits(_ *journal.Tx, _, will mdc.Object) error {
	s, ok := will.(*mdc.IdentityStore)
	if !ok || s == nil {
		return nil
	}
	fields := ldap.Faults(s)
	if s.BindDN != "" && s.BindPassword.Mark == "" {
		fields = append(fields, fault.Field{Pointer: "/" + mdc.CredentialField, Detail: "is missing; bind_dn needs its password"})
	}
	return fault.InvalidFields("The identity_store cannot be accepted.", fields)
}

// loadStore reads an identity store as it counts here, with its password; nil when there is none such.
func loadStore(ctx context.Context, log *journal.Log, name string) (out *declaredStore, err error) {
	err = log.View(ctx, func(v *journal.Snapshot) error {
		out = nil
		kind := mdc.IdentityStoreKind()
		o, err := v.Get(kind, name)
		if fault.Is(err, fault.NotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if o, _, err = configuration.Lay(v, kind, kind.Key(name), o); err != nil {
			return err
		}
		s, err := mdc.As[*mdc.IdentityStore](o)
		if err != nil {
			return err
		}
		out = &declaredStore{settings: s}
		out.password, err = bindPassword(v, s)
		return err
	})
	return out, err
}

func bindPassword(v *journal.Snapshot, s *mdc.IdentityStore) (string, error) {
	if s.BindPassword.Mark == "" {
		return "", nil
	}
	o, err := v.Get(mdc.IdentityStoreCredentialKind(), s.Name)
	if fault.Is(err, fault.NotFound) { // a clone has the one record and not the other yet: its binds fail until then
		return "", nil
	}
	if err != nil {
		return "", err
	}
	c, err := mdc.As[*mdc.StoreCredential](o)
	if err != nil {
		return "", err
	}
	return c.Password, nil
}
