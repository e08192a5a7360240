package app

import (
	"context"
	"slices"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/policy"
)

// SessionPolicy gives the policy in force. While a store in trouble cannot be read that is the last one that could:
// defaults could be laxer than what an administrator set.
func (m *model) SessionPolicy() *mdc.SessionPolicy {
	p, err := m.policy.get(func() (*mdc.SessionPolicy, error) {
		return loadOne[mdc.SessionPolicy](context.Background(), m.log, mdc.SessionPolicyKind(), mdc.SingletonName)
	})
	last := m.lastPolicy.Load()
	if err != nil {
		return last
	}
	if p != last { // each request asks: one that writes would take the line from the other processors
		m.lastPolicy.Store(p)
	}
	return p
}

// prime reads what must never be missing, so that a later failure has a last good value to fall back on.
func (m *model) prime(ctx context.Context) error {
	p, err := loadOne[mdc.SessionPolicy](ctx, m.log, mdc.SessionPolicyKind(), mdc.SingletonName)
	if err != nil {
		return err
	}
	m.lastPolicy.Store(p)
	_, err = m.partnerIDs(ctx)
	return err
}

// partnerIDs lists the cluster ids of the registered partners; the last known ones while they cannot be read, because
// "no such partner" is another answer than "I cannot say" (X3).
func (m *model) partnerIDs(ctx context.Context) ([]string, error) {
	all, err := m.Partners(ctx)
	if err != nil {
		if last := m.lastPartners.Load(); last != nil {
			return *last, err
		}
		return nil, err
	}
	out := make([]string, 0, len(all))
	for _, p := range all {
		out = append(out, p.ClusterID)
	}
	m.lastPartners.Store(&out)
	return out, nil
}

// SignInURL is the origin of the sign-in host.
func (m *model) SignInURL() string {
	if u := m.SessionPolicy().SignInURL; u != "" {
		return u
	}
	return m.runtimeURL
}

// Policies gives the compiled applications and authorization policies.
func (m *model) Policies(ctx context.Context) (*policy.Index, error) {
	return m.index.get(func() (*policy.Index, error) { return m.compile(ctx, nil) })
}

// PoliciesWith is Policies as it would be with p in the place of the policy of that name. It is made for the caller alone.
func (m *model) PoliciesWith(ctx context.Context, p *mdc.AuthorizationPolicy) (*policy.Index, error) {
	return m.compile(ctx, p)
}

func (m *model) compile(ctx context.Context, instead *mdc.AuthorizationPolicy) (*policy.Index, error) {
	apps, err := loadAll[mdc.Application](ctx, m.log, mdc.ApplicationKind())
	if err != nil {
		return nil, err
	}
	policies, err := loadAll[mdc.AuthorizationPolicy](ctx, m.log, mdc.AuthorizationPolicyKind())
	if err != nil {
		return nil, err
	}
	if instead != nil {
		policies = slices.DeleteFunc(policies, func(p *mdc.AuthorizationPolicy) bool { return p.Name == instead.Name })
		policies = append(policies, instead)
	}
	schemes, err := loadAll[mdc.AuthenticationScheme](ctx, m.log, mdc.AuthenticationSchemeKind())
	if err != nil {
		return nil, err
	}
	stores, err := loadAll[mdc.IdentityStore](ctx, m.log, mdc.IdentityStoreKind())
	if err != nil {
		return nil, err
	}
	return policy.Compile(apps, policies, schemes, stores)
}

// PasswordPolicy gives what new passwords must be.
func (m *model) PasswordPolicy(ctx context.Context) (*mdc.PasswordPolicy, error) {
	return m.strength.get(func() (*mdc.PasswordPolicy, error) {
		return loadOne[mdc.PasswordPolicy](ctx, m.log, mdc.PasswordPolicyKind(), mdc.SingletonName)
	})
}
