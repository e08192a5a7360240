package identity

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
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
)

// Error gives the reason's word.
func (r Reason) Error() string { return string(r) }

// Users finds the users of the local identity store; names compare without case.
type Users interface {
	User(ctx context.Context, name string) (*mdc.User, bool, error)
}

// Config wires an Authenticator. Every field up to Logger is needed.
type Config struct {
	Users  Users
	Hasher *Hasher
	Clock  clock.Clock
	Logger *slog.Logger
	Shared Shared // nil = this data center counts alone
}

// Person is somebody who proved who they are.
type Person struct {
	Name       string // as registered, whatever was typed
	Store      string // identity store's name
	Groups     []string
	Attributes map[string]string
	Level      int
}

// Authenticator checks passwords of the local identity store. Safe for concurrent use.
type Authenticator struct {
	Config
	throttle *throttle
}

// New makes an Authenticator; a missing part is refused.
func New(c Config) (*Authenticator, error) {
	if c.Users == nil || c.Hasher == nil || c.Clock == nil || c.Logger == nil {
		return nil, errors.New("make authenticator: users, hasher, clock and logger are needed")
	}
	return &Authenticator{Config: c, throttle: newThrottle()}, nil
}

// Authenticate says who gives user's password. Every refusal is the same fault, Unauthenticated "wrong_credentials", with
// its Reason as the cause; Unavailable "busy" means that the password was not looked at. Spaces around user do not count.
func (a *Authenticator) Authenticate(ctx context.Context, user, password string) (Person, error) {
	account := mdc.FoldName(strings.Trim(user, " "))
	if password == "" || len(password) > MaxPassword { // says nothing about the user, so it needs no equal work
		return Person{}, wrong(WrongPassword)
	}
	g, ok := a.throttle.take(account, a.Clock.Now())
	if !ok { // unknown accounts run dry like known ones: that it comes faster tells nothing
		return Person{}, wrong(TooManyChecks)
	}
	leave, err := a.Hasher.stand()
	if err != nil {
		a.throttle.giveBack(g)
		return Person{}, err
	}
	defer leave()
	uncount, ok := a.share(ctx, account, g)
	if !ok {
		a.throttle.giveBack(g)
		return Person{}, wrong(TooManyChecks)
	}
	p, err := a.check(ctx, account, password)
	if !fault.Is(err, fault.Unauthenticated) {
		a.throttle.giveBack(g)
		uncount()
	}
	return p, err
}

// check does one argon2id in every branch.
func (a *Authenticator) check(ctx context.Context, account, password string) (Person, error) {
	u, err := a.find(ctx, account)
	if err != nil {
		return Person{}, err
	}
	ok, reason, err := a.verify(ctx, u, password)
	switch {
	case err != nil:
		return Person{}, err
	case reason != "":
		return Person{}, wrong(reason)
	case !ok:
		return Person{}, wrong(WrongPassword)
	case !u.Enabled:
		return Person{}, wrong(UserDisabled)
	}
	return person(u), nil
}

// find gives nil for a user who is not there; a name that nobody can have is not looked up.
func (a *Authenticator) find(ctx context.Context, account string) (*mdc.User, error) {
	if !mdc.ValidName(account) {
		return nil, nil
	}
	u, found, err := a.Users.User(ctx, account)
	if err != nil {
		return nil, fmt.Errorf("find user: %w", err)
	}
	if !found {
		return nil, nil
	}
	return u, nil
}

func (a *Authenticator) verify(ctx context.Context, u *mdc.User, password string) (ok bool, reason Reason, err error) {
	switch {
	case u == nil:
		return false, UnknownUser, a.Hasher.Waste(ctx, password)
	case u.Password.Hash == "":
		return false, NoPassword, a.Hasher.Waste(ctx, password)
	}
	ok, err = a.Hasher.Verify(ctx, u.Password.Hash, password)
	if errors.Is(err, errHash) {
		a.Logger.Warn("stored password hash cannot be read", "user", u.Name)
		return false, BadHash, a.Hasher.Waste(ctx, password)
	}
	return ok, "", err
}

// person copies what the session will keep, so that nobody shares maps with a cached object.
func person(u *mdc.User) Person {
	return Person{
		Name: u.Name, Store: mdc.LocalStore, Groups: slices.Clone(u.Groups), Attributes: maps.Clone(u.Attributes), Level: LevelPassword,
	}
}

func wrong(r Reason) error {
	e := fault.New(fault.Unauthenticated, "wrong_credentials", "The user name or the password is wrong.")
	e.Err = r
	return e
}
