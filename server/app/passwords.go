package app

import (
	"context"
	"errors"
	"net/http"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/configuration"
	"github.com/concord-access/terraform-provider-concord/server/httpapi"
	"github.com/concord-access/terraform-provider-concord/server/identity"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// passwords lets people change their own, and hashes anew what was hashed by older parameters or elsewhere. The master writes;
// a clone takes what a person gave to its master, which looks at the password itself: a clone can change nobody's by its word.
type passwords struct {
	n     *Node
	stale chan identity.Attempt
}

// maxStale is how many right passwords may wait to be hashed anew; what does not fit comes again with the next sign-in.
const maxStale = 64

var _ httpapi.Passwords = (*passwords)(nil)

func newPasswords(n *Node) *passwords { return &passwords{n, make(chan identity.Attempt, maxStale)} }

// note takes a right password whose hash is stale. It never waits.
func (p *passwords) note(user, _, plain string) {
	select {
	case p.stale <- identity.Attempt{User: user, Password: plain}:
	default:
	}
}

// Run hashes anew, one after another, until ctx ends.
func (p *passwords) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case a := <-p.stale:
			if err := p.Change(ctx, a, ""); err != nil && ctx.Err() == nil {
				p.n.log.Warn("a password is not hashed anew; the next sign-in tries again", "user", a.User, "error", err)
			}
		}
	}
}

// Change gives a person of the local store another password, everywhere; "" only hashes the present one anew. Faults:
// Unauthenticated wrong_credentials; Invalid invalid_input at /new_password; Unavailable no_master, or as of the link; Conflict
// contended.
func (p *passwords) Change(ctx context.Context, a identity.Attempt, next string) error {
	master, err := p.master(ctx)
	if err != nil {
		return err
	}
	if master != "" {
		return p.there(ctx, master, a, next)
	}
	return p.here(ctx, a, next)
}

// Policy is what new passwords must be.
func (p *passwords) Policy(ctx context.Context) (*mdc.PasswordPolicy, error) {
	return p.n.model.PasswordPolicy(ctx)
}

// master is the data center that a clone follows; "" = this one writes itself.
func (p *passwords) master(ctx context.Context) (clusterID string, err error) {
	err = p.n.journal.View(ctx, func(s *journal.Snapshot) error {
		d, err := s.DataCenter()
		if err != nil || d.Role != mdc.RoleClone {
			return err
		}
		return s.Range(mdc.AgreementKind(), "", func(_ string, body []byte) error {
			o, err := mdc.AgreementKind().Decode(body)
			if a, ok := o.(*mdc.Agreement); ok && a.Side == mdc.SideClone {
				clusterID = a.Source
			}
			return err
		})
	})
	if err == nil && clusterID == "" {
		d, derr := p.n.model.DataCenter(ctx)
		if derr == nil && d.Role == mdc.RoleClone {
			err = fault.New(fault.Unavailable, "no_master", "Passwords cannot be changed here at the moment. Try again later.")
		}
	}
	return clusterID, err
}

// ChangeFor is Change for a clone. It never goes further.
func (p *passwords) ChangeFor(ctx context.Context, a identity.Attempt, next string) error {
	master, err := p.master(ctx)
	if err != nil {
		return err
	}
	if master != "" {
		return fault.New(fault.Conflict, "not_master", "%s is not the master.", p.n.cfg.ClusterID)
	}
	return p.here(ctx, a, next)
}

func (p *passwords) there(ctx context.Context, master string, a identity.Attempt, next string) error {
	if p.n.modes.now() == mdc.ModeOpen { // it would go over the line as it is
		return fault.New(fault.Unavailable, "no_master", "Passwords cannot be changed here: the link to the master is not encrypted.")
	}
	sources := replicationSources{p.n.links, p.n.identities.Secret}
	agreement, err := p.n.feed.Subscription(ctx, master)
	if err != nil {
		return err
	}
	shown, err := sources.shown(ctx, agreement)
	if err != nil {
		return err
	}
	err = p.n.links.do(ctx, master, client.Request{Method: http.MethodPost, Path: "/peer/v1/accounts/password", Header: shown,
		In: wire.PasswordChange{User: a.User, Password: a.Password, NewPassword: next, Source: a.Source}})
	switch fault.KindOf(err) {
	case fault.Internal, fault.Forbidden, fault.NotFound:
		if err != nil { // between the data centers: nothing that the person did
			err = &fault.Error{Kind: fault.Unavailable, Code: "no_master", Message: "Passwords cannot be changed here at the moment. Try again later.", Err: err}
		}
	}
	return err
}

func (p *passwords) here(ctx context.Context, a identity.Attempt, next string) error {
	who, err := p.n.people.users.Authenticate(ctx, a)
	if err != nil {
		return err
	}
	u, found, err := p.n.model.User(ctx, who.Name)
	if err != nil || !found {
		return err
	}
	was, actor := u.Password.Hash, configuration.Actor{Name: "user:" + u.Name, Address: a.Source, Rights: mdc.EveryRight()}
	if next == "" {
		if !identity.Stale(was) {
			return nil
		}
		return p.rehash(ctx, u.Name, was, a.Password)
	}
	_, err = p.n.service.Modify(ctx, actor, mdc.UserKind(), u.Name, configuration.Precondition{}, func(o mdc.Object) (mdc.Object, error) {
		return withPassword(o, was, mdc.NewSecret(next))
	})
	return atNew(err)
}

func (p *passwords) rehash(ctx context.Context, user, was, plain string) error {
	hash, err := p.n.people.hasher.Hash(ctx, plain)
	if err != nil {
		return err
	}
	_, err = p.n.service.Modify(ctx, configuration.Actor{Name: "system:rehash", Rights: mdc.EveryRight()}, mdc.UserKind(), user, configuration.Precondition{}, func(o mdc.Object) (mdc.Object, error) {
		return withPassword(o, was, mdc.Rehashed(hash))
	})
	return err
}

// withPassword changes the password of a user who still has the one that was looked at.
func withPassword(o mdc.Object, was string, next mdc.Secret) (mdc.Object, error) {
	u, err := mdc.As[*mdc.User](o)
	if err != nil {
		return nil, err
	}
	if u.Password.Hash != was {
		return nil, fault.New(fault.Conflict, "contended", "Your password was changed a moment ago. Sign in with the new one.")
	}
	changed := *u
	changed.Password = next
	return &changed, nil
}

// atNew lets a fault point at the field that the person filled in.
func atNew(err error) error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return err
	}
	for i := range f.Fields {
		if f.Fields[i].Pointer == "/password" {
			f.Fields[i].Pointer = "/new_password"
		}
	}
	return err
}

// strongEnough lets nobody, administrators included, give a user a password that the policy does not take.
func strongEnough(tx *journal.Tx, _, will mdc.Object) error {
	u, ok := will.(*mdc.User)
	if !ok || u == nil {
		return nil
	}
	plain, ok := u.Password.Plain()
	if !ok {
		return nil
	}
	o, err := tx.Get(mdc.PasswordPolicyKind(), mdc.SingletonName)
	if err != nil {
		return err
	}
	policy, err := mdc.As[*mdc.PasswordPolicy](o)
	if err != nil {
		return err
	}
	if why := identity.Weak(policy, u, plain); why != "" {
		return fault.InvalidFields("The password cannot be accepted.", []fault.Field{{Pointer: "/password", Detail: why}})
	}
	return nil
}
