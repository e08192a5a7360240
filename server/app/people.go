package app

import (
	"context"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/identity"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// people is how this node knows who somebody is.
type people struct {
	hasher  *identity.Hasher  // of passwords that are written
	counter *identity.Counter // of this node
	tally   *tally            // of all nodes
	series  *series           // told to all nodes; nil = there are no others
	users   *identity.Authenticator
	agents  *identity.Secrets
	changes *passwords
}

func (n *Node) openPeople() (p people, err error) {
	p.changes = newPasswords(n)
	signIns, err := identity.NewHasher(identity.HasherConfig{Rest: n.admission.Pressure.Rest})
	if err != nil {
		return p, err
	}
	p.counter = identity.NewCounter(n.opts.Clock)
	p.tally = n.newTally(p.counter)
	var told func(identity.Turn)
	if n.shared() {
		p.series = newSeries(p.tally)
		told = p.series.note
	}
	p.users, err = identity.New(identity.Config{Told: told, Users: n.model, Stores: n.directories.Store, Hasher: signIns, Clock: n.opts.Clock, Logger: n.log, Rehash: p.changes.note,
		Shared: &guesses{self: n.cfg.ClusterID, partners: partnerIDs{n.model, n.log}, links: n.links, counter: p.tally, silent: map[string]time.Time{},
			wait: func() time.Duration { return n.model.SessionPolicy().RetrievalMaxWait.D() }}})
	if err != nil {
		return p, err
	}
	// Agents' secrets have turns of their own: a flood of sign-ins must not keep a gate from its first check. So has what is written.
	agents, err := identity.NewHasher(identity.HasherConfig{})
	if err != nil {
		return p, err
	}
	if p.agents, err = identity.NewSecrets(identity.SecretsConfig{Hasher: agents}); err != nil {
		return p, err
	}
	p.hasher, err = identity.NewHasher(identity.HasherConfig{})
	return p, err
}

// endsSignOns says whether a change of a user ends that user's sign-ons: who is disabled, deleted or given another password
// must not stay, nor come back when the name is enabled or given again (SEC-12).
func endsSignOns(was, will mdc.Object) bool {
	before, ok := was.(*mdc.User)
	if !ok || before == nil {
		return false
	}
	after, ok := will.(*mdc.User)
	if !ok || after == nil {
		return true
	}
	return before.Enabled && !after.Enabled || before.Password.Hash != "" && after.Password.Hash != before.Password.Hash && !after.Password.Same()
}

// endSignOns ends them everywhere, before the change is written.
func (n *Node) endSignOns(ctx context.Context, was, _ mdc.Object) error {
	return n.engine.EndUser(ctx, mdc.LocalStore, was.ObjectName())
}
