package app

import (
	"context"
	"maps"
	"strings"
	"sync/atomic"

	"github.com/concord-access/terraform-provider-concord/server/administration"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/policy"
)

// model is the configuration as requests read it: decoded once, kept until the journal says that it changed. A request
// that follows an acknowledged change sees it, because the journal tells the listeners before it answers the writer.
type model struct {
	log        *journal.Log
	runtimeURL string // what sign_in_url stands for when it is empty

	lastPolicy   atomic.Pointer[mdc.SessionPolicy]
	lastPartners atomic.Pointer[[]string]

	domains  cached[journal.Domains]
	policy   cached[mdc.SessionPolicy]
	strength cached[mdc.PasswordPolicy]
	index    cached[policy.Index]
	center   cached[mdc.DataCenter]
	profile  cached[mdc.PartnerProfile]
	partners cached[[]mdc.Partner]
	keysets  cached[map[string]*mdc.Keyset]
	members  cached[map[string]bool]
	contents cached[map[string]int64] // sizes of packages' contents, by digest
	admins   cached[administration.Index]
	agents   cachedMap[mdc.Agent]
	users    cachedMap[mdc.User]
	schemes  cachedMap[mdc.AuthenticationScheme]
	stores   cachedMap[declaredStore]
}

func newModel(log *journal.Log, runtimeURL string) *model {
	m := &model{log: log, runtimeURL: runtimeURL, agents: cachedMap[mdc.Agent]{limit: 10_000}, users: cachedMap[mdc.User]{limit: 100_000},
		schemes: cachedMap[mdc.AuthenticationScheme]{limit: 1_000}, stores: cachedMap[declaredStore]{limit: 1000}}
	log.OnChange(m.changed)
	return m
}

func (m *model) changed(changes []journal.Change) {
	m.domains.drop() // any object may belong to one
	for _, c := range changes {
		if kind, _, ok := strings.Cut(c.Name, "/"); ok && c.Kind == "override" { // the object that it lies over counts as changed
			c = journal.Change{Kind: kind}
		}
		all := c.Kind == ""
		if all || c.Kind == "session_policy" {
			m.policy.drop()
		}
		if all || c.Kind == "password_policy" {
			m.strength.drop()
		}
		if all || c.Kind == "application" || c.Kind == "authorization_policy" || c.Kind == "authentication_scheme" || c.Kind == "identity_store" {
			m.index.drop()
		}
		if all || c.Kind == "authentication_scheme" {
			m.schemes.drop("")
		}
		if all || c.Kind == "data_center" {
			m.center.drop()
		}
		if all || c.Kind == "partner_profile" {
			m.profile.drop()
		}
		if all || c.Kind == "partner" {
			m.partners.drop()
		}
		if all || c.Kind == "admin_role" || c.Kind == "admin_token" {
			m.admins.drop()
		}
		if all || c.Kind == "keyset" {
			m.keysets.drop()
		}
		if all || c.Kind == "data_center_key" {
			m.members.drop()
		}
		if all || c.Kind == "package" {
			m.contents.drop()
		}
		if all || c.Kind == "agent" {
			m.agents.drop(c.Name)
		}
		if all || c.Kind == "identity_store" || c.Kind == "identity_store_credential" {
			m.stores.drop(c.Name)
		}
		if all || c.Kind == "user" {
			m.users.drop(c.Name)
		}
	}
}

// Domains says what the security domains hold. It reads every object that one can own, once after each change.
func (m *model) Domains(ctx context.Context) (*journal.Domains, error) {
	return m.domains.get(func() (d *journal.Domains, err error) {
		err = m.log.View(ctx, func(s *journal.Snapshot) error {
			all, err := s.Domains()
			d = &all
			return err
		})
		return d, err
	})
}

// DataCenter gives this data center as it is declared.
func (m *model) DataCenter(ctx context.Context) (*mdc.DataCenter, error) {
	return m.center.get(func() (*mdc.DataCenter, error) {
		return loadOne[mdc.DataCenter](ctx, m.log, mdc.DataCenterKind(), mdc.SingletonName)
	})
}

// Profile gives the partner profile.
func (m *model) Profile(ctx context.Context) (*mdc.PartnerProfile, error) {
	return m.profile.get(func() (*mdc.PartnerProfile, error) {
		return loadOne[mdc.PartnerProfile](ctx, m.log, mdc.PartnerProfileKind(), mdc.SingletonName)
	})
}

// Partners gives every registered partner.
func (m *model) Partners(ctx context.Context) ([]mdc.Partner, error) {
	all, err := m.partners.get(func() (*[]mdc.Partner, error) {
		list, err := loadAll[mdc.Partner](ctx, m.log, mdc.PartnerKind())
		out := make([]mdc.Partner, 0, len(list))
		for _, p := range list {
			out = append(out, *p)
		}
		return &out, err
	})
	if err != nil {
		return nil, err
	}
	return *all, nil
}

// Partner gives one registered partner, nil when there is none such.
func (m *model) Partner(ctx context.Context, clusterID string) (*mdc.Partner, error) {
	all, err := m.Partners(ctx)
	for i := range all {
		if mdc.FoldName(all[i].ClusterID) == mdc.FoldName(clusterID) {
			return &all[i], nil
		}
	}
	return nil, err
}

// TrustedCertificates gives every declared one.
func (m *model) TrustedCertificates(ctx context.Context) ([]mdc.TrustedCertificate, error) {
	list, err := loadAll[mdc.TrustedCertificate](ctx, m.log, mdc.TrustedCertificateKind())
	out := make([]mdc.TrustedCertificate, 0, len(list))
	for _, t := range list {
		out = append(out, *t)
	}
	return out, err
}

// Agent gives a registered agent, nil when there is none such.
func (m *model) Agent(ctx context.Context, name string) (*mdc.Agent, error) {
	return m.agents.get(name, func() (*mdc.Agent, error) {
		return optional(loadOne[mdc.Agent](ctx, m.log, mdc.AgentKind(), name))
	})
}

// Scheme gives an authentication scheme, the built-in one for "" too; nil when there is none such.
func (m *model) Scheme(ctx context.Context, name string) (*mdc.AuthenticationScheme, error) {
	if name == "" || name == mdc.SchemePassword {
		return mdc.BuiltInScheme(), nil
	}
	return m.schemes.get(name, func() (*mdc.AuthenticationScheme, error) {
		return optional(loadOne[mdc.AuthenticationScheme](ctx, m.log, mdc.AuthenticationSchemeKind(), name))
	})
}

// User gives a local user.
func (m *model) User(ctx context.Context, name string) (*mdc.User, bool, error) {
	name = mdc.FoldName(name)
	u, err := m.users.get(name, func() (*mdc.User, error) {
		return optional(loadOne[mdc.User](ctx, m.log, mdc.UserKind(), name))
	})
	return u, u != nil, err
}

// IdentityStore gives a declared identity store with its bind password, nil when there is none such.
func (m *model) IdentityStore(ctx context.Context, name string) (*declaredStore, error) {
	return m.stores.get(name, func() (*declaredStore, error) { return loadStore(ctx, m.log, name) })
}

// Administrators gives roles and tokens, laid out for requests.
func (m *model) Administrators(ctx context.Context) (*administration.Index, error) {
	return m.admins.get(func() (*administration.Index, error) {
		roles, err := loadAll[mdc.AdminRole](ctx, m.log, mdc.AdminRoleKind())
		if err != nil {
			return nil, err
		}
		tokens, err := loadAll[mdc.AdminToken](ctx, m.log, mdc.AdminTokenKind())
		if err != nil {
			return nil, err
		}
		return administration.Compile(roles, tokens), nil
	})
}

// Refers says whether a package has the content of this digest, and of how many bytes.
func (m *model) Refers(ctx context.Context, sha256 string) (size int64, known bool, err error) {
	all, err := m.packageContents(ctx)
	size, known = all[sha256]
	return size, known, err
}

// blobs gives the contents that packages have, with their sizes. The map is the caller's.
func (m *model) blobs(ctx context.Context) (map[string]int64, error) {
	all, err := m.packageContents(ctx)
	return maps.Clone(all), err
}

func (m *model) packageContents(ctx context.Context) (map[string]int64, error) {
	all, err := m.contents.get(func() (*map[string]int64, error) {
		list, err := loadAll[mdc.Package](ctx, m.log, mdc.PackageKind())
		out := make(map[string]int64, len(list))
		for _, p := range list {
			out[p.SHA256] = p.Size
		}
		return &out, err
	})
	if err != nil {
		return nil, err
	}
	return *all, nil
}

// Keysets gives every cookie keyset by purpose.
func (m *model) Keysets(ctx context.Context) (map[string]*mdc.Keyset, error) {
	all, err := m.keysets.get(func() (*map[string]*mdc.Keyset, error) {
		list, err := loadAll[mdc.Keyset](ctx, m.log, mdc.KeysetKind())
		out := map[string]*mdc.Keyset{}
		for _, k := range list {
			out[k.Purpose] = k
		}
		return &out, err
	})
	if err != nil {
		return nil, err
	}
	return *all, nil
}

// Members gives the folded cluster ids of the data centers whose keys the master has registered: the topology's.
func (m *model) Members(ctx context.Context) (map[string]bool, error) {
	all, err := m.members.get(func() (*map[string]bool, error) {
		list, err := loadAll[mdc.DataCenterKey](ctx, m.log, mdc.DataCenterKeyKind())
		out := map[string]bool{}
		for _, k := range list {
			out[mdc.FoldName(k.ClusterID)] = true
		}
		return &out, err
	})
	if err != nil {
		return nil, err
	}
	return *all, nil
}
