package identity

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// LevelPassword is the authentication level of a person who gave a password.
const LevelPassword = 1

// Reason is why a sign-in was refused. It is the cause inside the fault, for the audit record; it is never shown.
type Reason string

// The reasons.
const (
	UnknownUser   Reason = "unknown_user"
	UserDisabled  Reason = "user_disabled"
	NoPassword    Reason = "no_password"
	WrongPassword Reason = "wrong_password"
	TooManyChecks Reason = "too_many_checks"
	BadHash       Reason = "stored_hash_unreadable"
	AmbiguousUser Reason = "ambiguous_user" // more than one entry of a directory fits the name
	UnusableUser  Reason = "unusable_user"  // an entry of a directory that cannot be somebody in Concord
)

// Error gives the reason's word.
func (r Reason) Error() string { return string(r) }

// Config wires an Authenticator. Every field up to Logger is needed.
type Config struct {
	Users  Users
	Stores func(ctx context.Context, name string) (Store, error) // those beside the local one; nil store = there is none such; nil = there are none
	Hasher *Hasher
	Clock  clock.Clock
	Logger *slog.Logger
	Shared Shared // nil = this data center counts alone
	// Rehash is told of a right password whose hash was is Stale. It must not wait. nil = nobody.
	Rehash func(user, was, plain string)
	// Told is told what a password came to, for Hear of other nodes. It must not wait. nil = there are none.
	Told func(Turn)
}

// Attempt is what somebody says to sign in.
type Attempt struct {
	Store    string // name of the identity store; "" = mdc.LocalStore
	User     string // as typed; spaces around it do not count
	Password string
	Source   string // address that it comes from; "" = not known
	Device   string // id of a browser that signed in to this account before; "" = none is proved
}

// Person is somebody who proved who they are.
type Person struct {
	Name       string // as registered, whatever was typed
	Store      string // identity store's name
	Groups     []string
	Attributes map[string]string
	Level      int
}

// Store is the people of one identity store. Safe for concurrent use.
type Store interface {
	// Check says whose name and password these are. A refusal is its Reason without an error; an error means that the password
	// was not looked at. account is folded. The work of a refusal does not tell which reason it has (SEC-31).
	Check(ctx context.Context, account, password string) (p Person, refused Reason, err error)
}

// Authenticator checks passwords. Safe for concurrent use.
type Authenticator struct {
	Config
	throttle *throttle
	pauses   *pauses
	local    Store
}

// New makes an Authenticator; a missing part is refused.
func New(c Config) (*Authenticator, error) {
	if c.Users == nil || c.Hasher == nil || c.Clock == nil || c.Logger == nil {
		return nil, errors.New("make authenticator: users, hasher, clock and logger are needed")
	}
	return &Authenticator{Config: c, throttle: newThrottle(), pauses: newPauses(), local: &local{c.Users, c.Hasher, c.Logger, c.Rehash}}, nil
}

// Authenticate says who gives a password. Every refusal is the same fault, Unauthenticated "wrong_credentials", with
// its Reason as the cause; Unavailable "busy" means that the password was not looked at.
func (a *Authenticator) Authenticate(ctx context.Context, t Attempt) (Person, error) {
	account := mdc.FoldName(strings.Trim(t.User, " "))
	if t.Password == "" || len(t.Password) > MaxPassword { // says nothing about the user, so it needs no equal work
		return Person{}, wrong(WrongPassword)
	}
	// Another store's right password under this name ends no series of wrong ones here: it may be the guesser's own.
	by, series := t.by(), cmp.Or(t.Store, mdc.LocalStore)+" "+account
	if !a.pauses.over(series, by, a.Clock.Now()) {
		return Person{}, wrong(TooManyChecks)
	}
	g, ok := a.throttle.take(account, by, a.Clock.Now())
	if !ok { // unknown accounts run dry like known ones: that it comes faster tells nothing
		return Person{}, wrong(TooManyChecks)
	}
	leave, err := a.Hasher.stand()
	if err != nil {
		a.throttle.giveBack(g)
		return Person{}, err
	}
	defer leave()
	uncount, ok := a.share(ctx, account, by, g)
	if !ok {
		a.throttle.giveBack(g)
		return Person{}, wrong(TooManyChecks)
	}
	p, err := a.check(ctx, t.Store, account, t.Password)
	switch {
	case fault.Is(err, fault.Unauthenticated):
		a.wrong(account, series, by)
		return p, err
	case err == nil:
		a.right(account, series, by)
	}
	a.throttle.giveBack(g)
	uncount()
	return p, err
}

func (a *Authenticator) check(ctx context.Context, store, account, password string) (Person, error) {
	at, err := a.store(ctx, store)
	if err != nil {
		return Person{}, fmt.Errorf("find identity store: %w", err)
	}
	if at == nil {
		return Person{}, fault.New(fault.Unavailable, "no_identity_store", "The directory of people is not known here. Tell your administrator.")
	}
	p, refused, err := at.Check(ctx, account, password)
	switch {
	case err != nil:
		return Person{}, err
	case refused != "":
		return Person{}, wrong(refused)
	}
	return p, nil
}

// store gives an identity store by its name; nil = there is none such.
func (a *Authenticator) store(ctx context.Context, name string) (Store, error) {
	switch {
	case name == "" || name == mdc.LocalStore:
		return a.local, nil
	case a.Stores == nil:
		return nil, nil
	}
	return a.Stores(ctx, name)
}

func wrong(r Reason) error {
	e := fault.New(fault.Unauthenticated, "wrong_credentials", "The user name or the password is wrong.")
	e.Err = r
	return e
}
