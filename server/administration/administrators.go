package administration

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/audit"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// Administrator is who sends a request.
type Administrator struct {
	Name    string // for journal, audit and locks: "token:ci", "user:ann", "certificate:ops"
	Rights  mdc.Rights
	User    string // of a security context: the user's name; otherwise ""
	Context string // the id of the security context, or ""
}

// Source is the configuration as requests read it.
type Source interface {
	// Administrators gives the index of roles and tokens as they are now.
	Administrators(ctx context.Context) (*Index, error)
	// User finds a user of the local identity store; names compare without case.
	User(ctx context.Context, name string) (*mdc.User, bool, error)
}

// Passwords checks a user's password, with its limit on guesses. It gives the name as it is registered.
type Passwords func(ctx context.Context, user, password, from string) (name string, err error)

// Config wires Administrators; every field is needed.
type Config struct {
	Source    Source
	Bootstrap func(token string) bool // whether it is the token of the first start
	Passwords Passwords
	Store     store.Store // keys under "u/c/"
	Audit     *audit.Log
	Clock     clock.Clock // decides expiry
}

// Administrators tells whose credential it is. Safe for concurrent use.
type Administrators struct {
	c Config

	mu   sync.Mutex           // guards used
	used map[string]time.Time // when each token was used last, by its name; of this process alone
}

// New refuses bad wiring.
func New(c Config) (*Administrators, error) {
	if c.Source == nil || c.Bootstrap == nil || c.Passwords == nil || c.Store == nil || c.Audit == nil || c.Clock == nil {
		return nil, errors.New("make administrators: a part is missing")
	}
	return &Administrators{c: c, used: map[string]time.Time{}}, nil
}

// Codes of refusals. A client that holds a user's password opens another security context for the last one.
const (
	CodeWrongToken   = "wrong_token"
	CodeTokenExpired = "token_expired"
	CodeContextEnded = "security_context_ended"
	CodeNoRole       = "no_role"
)

// Token says whose token it is: the first start's, an administrator's, or a security context's. fault.Unauthenticated.
func (a *Administrators) Token(ctx context.Context, token string) (Administrator, error) {
	if a.c.Bootstrap(token) {
		return Administrator{Name: "token:" + mdc.BootstrapToken, Rights: mdc.EveryRight()}, nil
	}
	if id, secret, ok := splitContext(token); ok {
		return a.context(ctx, id, secret)
	}
	index, err := a.c.Source.Administrators(ctx)
	if err != nil {
		return Administrator{}, err
	}
	t, ok := index.token(token)
	now := a.c.Clock.Now()
	switch {
	case !ok:
		return Administrator{}, fault.New(fault.Unauthenticated, CodeWrongToken, "The token is not valid here: it is another data center's, or was revoked, replaced or mistyped.")
	case !t.expires.IsZero() && !now.Before(t.expires):
		return Administrator{}, fault.New(fault.Unauthenticated, CodeTokenExpired, "The token %q ran out at %s. Have another one made.", t.name, t.expires.UTC().Format(time.RFC3339))
	}
	a.use(t.name, now)
	return Administrator{Name: "token:" + t.name, Rights: t.rights}, nil
}

// Certificate says what an administrator may do whose certificate was verified: what the roles that list its name allow. One that
// none lists may nothing.
func (a *Administrators) Certificate(ctx context.Context, name, identity string) (Administrator, error) {
	rights, err := a.RightsOfCertificate(ctx, identity)
	if err != nil {
		return Administrator{}, err
	}
	if rights.None() {
		return Administrator{}, fault.New(fault.Forbidden, CodeNoRole, "No administrators' role lists the certificate %s, so it may do nothing. Have it added to the certificates of a role.", identity)
	}
	return Administrator{Name: "certificate:" + name, Rights: rights}, nil
}

// RightsOfCertificate is what a certificate of this name is allowed, so that nobody is given one that may more than he.
func (a *Administrators) RightsOfCertificate(ctx context.Context, identity string) (mdc.Rights, error) {
	index, err := a.c.Source.Administrators(ctx)
	if err != nil {
		return mdc.Rights{}, err
	}
	return index.Certificate(identity), nil
}

// Password says who signs in with a name and a password for one request.
func (a *Administrators) Password(ctx context.Context, user, password, from string) (Administrator, error) {
	u, rights, err := a.signIn(ctx, user, password, from)
	if err != nil {
		return Administrator{}, err
	}
	return Administrator{Name: "user:" + u.Name, Rights: rights, User: u.Name}, nil
}

func (a *Administrators) signIn(ctx context.Context, user, password, from string) (*mdc.User, mdc.Rights, error) {
	name, err := a.c.Passwords(ctx, user, password, from)
	if err != nil {
		return nil, mdc.Rights{}, err
	}
	u, found, err := a.c.Source.User(ctx, name)
	if err != nil {
		return nil, mdc.Rights{}, err
	}
	if !found || !u.Enabled {
		return nil, mdc.Rights{}, fault.New(fault.Unauthenticated, "wrong_credentials", "The user name or the password is wrong.")
	}
	index, err := a.c.Source.Administrators(ctx)
	if err != nil {
		return nil, mdc.Rights{}, err
	}
	rights := index.User(u)
	if rights.None() {
		return nil, mdc.Rights{}, fault.New(fault.Forbidden, CodeNoRole, "The user %q is no administrator: no administrators' role names the user or one of its groups.", u.Name)
	}
	return u, rights, nil
}

// maxUsed bounds what is remembered of tokens; there are rarely so many.
const maxUsed = 10_000

func (a *Administrators) use(name string, at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, there := a.used[name]; !there && len(a.used) >= maxUsed {
		clear(a.used)
	}
	a.used[name] = at
}

// LastUsed is when a token let somebody in last, since this node started; zero when it did not.
func (a *Administrators) LastUsed(token string) time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.used[token]
}
