package identity

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Users finds the users of the local identity store; names compare without case.
type Users interface {
	User(ctx context.Context, name string) (*mdc.User, bool, error)
}

// local is the identity store that keeps users as configuration.
type local struct {
	users  Users
	hasher *Hasher
	log    *slog.Logger
	rehash func(user, was, plain string) // nil = hashes stay as they are
}

var _ Store = (*local)(nil)

// Check does one argon2id in every branch.
func (l *local) Check(ctx context.Context, account, password string) (Person, Reason, error) {
	u, err := l.find(ctx, account)
	if err != nil {
		return Person{}, "", err
	}
	ok, reason, err := l.verify(ctx, u, password)
	switch {
	case err != nil:
		return Person{}, "", err
	case reason != "":
		return Person{}, reason, nil
	case !ok:
		return Person{}, WrongPassword, nil
	case !u.Enabled:
		return Person{}, UserDisabled, nil
	}
	if l.rehash != nil && Stale(u.Password.Hash) {
		l.rehash(u.Name, u.Password.Hash, password)
	}
	return person(u), "", nil
}

// find gives nil for a user who is not there; a name that nobody can have is not looked up.
func (l *local) find(ctx context.Context, account string) (*mdc.User, error) {
	if !mdc.ValidName(account) {
		return nil, nil
	}
	u, found, err := l.users.User(ctx, account)
	if err != nil {
		return nil, fmt.Errorf("find user: %w", err)
	}
	if !found {
		return nil, nil
	}
	return u, nil
}

func (l *local) verify(ctx context.Context, u *mdc.User, password string) (ok bool, reason Reason, err error) {
	switch {
	case u == nil:
		return false, UnknownUser, l.hasher.Waste(ctx, password)
	case u.Password.Hash == "":
		return false, NoPassword, l.hasher.Waste(ctx, password)
	}
	ok, err = l.hasher.Verify(ctx, u.Password.Hash, password)
	if errors.Is(err, errHash) {
		l.log.Warn("stored password hash cannot be read", "user", u.Name)
		return false, BadHash, l.hasher.Waste(ctx, password)
	}
	return ok, "", err
}

// person copies what the session will keep, so that nobody shares maps with a cached object.
func person(u *mdc.User) Person {
	return Person{
		Name: u.Name, Store: mdc.LocalStore, Groups: slices.Clone(u.Groups), Attributes: maps.Clone(u.Attributes), Level: LevelPassword,
	}
}
