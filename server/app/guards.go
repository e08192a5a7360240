package app

import (
	"context"
	"errors"
	"net/url"
	"slices"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/configuration"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/topology"
)

// guards gives the rules of each kind that need more than the object.
func (n *Node) guards() map[string]configuration.Guard {
	guards := map[string]configuration.Guard{}
	for kind, g := range topology.Guards(n.cfg.ClusterID) {
		guards[kind] = g
	}
	guards[mdc.PackageKind().Name] = n.contentIsHere
	guards[mdc.DataCenterKind().Name] = both(guards[mdc.DataCenterKind().Name], n.modeGuard)
	guards[mdc.PartnerKind().Name] = both(guards[mdc.PartnerKind().Name], n.partnerModeGuard)
	guards[mdc.SessionPolicyKind().Name] = n.policyFitsAgents
	guards[mdc.AgentKind().Name] = n.agentFitsPolicy
	guards[mdc.IdentityStoreKind().Name] = directoryFits
	guards[mdc.OverrideKind().Name] = n.overrideFits
	guards[mdc.UserKind().Name] = strongEnough
	guards[mdc.AdminTokenKind().Name] = n.tokenGuard
	return guards
}

// both is one rule after another.
func both(first, second configuration.Guard) configuration.Guard {
	return func(tx *journal.Tx, was, will mdc.Object) error {
		if err := first(tx, was, will); err != nil {
			return err
		}
		return second(tx, was, will)
	}
}

// Session policy and agents must fit one another (OAM-16, OAM-26, OAM-27): whichever is written second is refused with the
// reason. Both are compared as they count in this data center, under its overrides. The way back to the defaults is open.

func (n *Node) policyFitsAgents(tx *journal.Tx, _, will mdc.Object) error {
	p, ok := will.(*mdc.SessionPolicy)
	if !ok || *p == *mdc.DefaultSessionPolicy() { // whoever takes everything away begins somewhere
		return nil
	}
	fields, err := n.policyFaults(tx, p)
	if err != nil {
		return err
	}
	return fault.InvalidFields("The session policy and the agents contradict one another.", fields)
}

func (n *Node) policyFaults(tx *journal.Tx, p *mdc.SessionPolicy) ([]fault.Field, error) {
	agents, err := agentsOf(&tx.Snapshot)
	if err != nil {
		return nil, err
	}
	return p.AgentsFit(agents, n.model.runtimeURL), nil
}

func (n *Node) agentFitsPolicy(tx *journal.Tx, _, will mdc.Object) error {
	a, ok := will.(*mdc.Agent)
	if !ok {
		return nil
	}
	if err := fault.InvalidFields("The agent's address for ended sign-ons cannot be called.", n.logoutURLFaults(a)); err != nil {
		return err
	}
	fields, err := agentFaults(tx, a)
	if err != nil {
		return err
	}
	return fault.InvalidFields("The agent and the session policy contradict one another.", fields)
}

// logoutURLFaults says at once what the dialer would refuse each time: any data center may have to call (SEC-48).
func (n *Node) logoutURLFaults(a *mdc.Agent) []fault.Field {
	u, err := url.Parse(a.BackchannelLogoutURL)
	if err != nil || u.Hostname() == "" {
		return nil
	}
	if err := n.dialer.Check(u.Hostname()); err != nil {
		f, _ := errors.AsType[*fault.Error](err)
		return []fault.Field{{Pointer: "/backchannel_logout_url", Detail: "cannot be called: " + f.Message}}
	}
	return nil
}

func agentFaults(tx *journal.Tx, a *mdc.Agent) ([]fault.Field, error) {
	if a.CookieLifetime == 0 {
		return nil, nil
	}
	kind := mdc.SessionPolicyKind()
	o, err := tx.Get(kind, mdc.SingletonName)
	if err != nil {
		return nil, err
	}
	if o, _, err = configuration.Lay(&tx.Snapshot, kind, mdc.SingletonName, o); err != nil {
		return nil, err
	}
	p, err := mdc.As[*mdc.SessionPolicy](o)
	if err != nil {
		return nil, err
	}
	return a.FitsPolicy(p), nil
}

func agentsOf(v *journal.Snapshot) (agents []*mdc.Agent, err error) {
	kind := mdc.AgentKind()
	err = v.Range(kind, "", func(key string, body []byte) error {
		o, err := kind.Decode(body)
		if err != nil {
			return err
		}
		if o, _, err = configuration.Lay(v, kind, key, o); err != nil {
			return err
		}
		a, err := mdc.As[*mdc.Agent](o)
		agents = append(agents, a)
		return err
	})
	return agents, err
}

// overrideFits is the same for what an override makes of a policy or an agent. What it cannot be laid over is another's to
// refuse.
func (n *Node) overrideFits(tx *journal.Tx, _, will mdc.Object) error {
	override, ok := will.(*mdc.Override)
	if !ok {
		return nil
	}
	kind, ok := mdc.KindByName(override.Kind)
	if !ok || kind.Name != mdc.SessionPolicyKind().Name && kind.Name != mdc.AgentKind().Name && kind.Name != mdc.IdentityStoreKind().Name {
		return nil
	}
	o, err := tx.Get(kind, override.Name)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	body, err := mdc.Encode(o)
	if err != nil {
		return err
	}
	over, faults, err := override.Lay(kind, body)
	if err != nil || len(faults) > 0 {
		return err
	}
	var fields []fault.Field
	switch v := over.(type) {
	case *mdc.SessionPolicy:
		fields, err = n.policyFaults(tx, v)
	case *mdc.Agent:
		fields, err = agentFaults(tx, v)
		fields = append(fields, n.logoutURLFaults(v)...)
	case *mdc.IdentityStore:
		return inValues(directoryFits(tx, nil, v))
	}
	if err != nil {
		return err
	}
	for i := range fields {
		fields[i].Pointer = "/values" + fields[i].Pointer
	}
	return fault.InvalidFields("The override makes the session policy or an agent one that cannot be used.", fields)
}

// inValues places the faults of a laid object in its override.
func inValues(err error) error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return err
	}
	out := *f
	out.Fields = slices.Clone(f.Fields)
	for i := range out.Fields {
		out.Fields[i].Pointer = "/values" + out.Fields[i].Pointer
	}
	return &out
}

// capacity is how many sessions this data center may hold (CAMS-10); 0 = no limit, also while that cannot be read.
func (n *Node) capacity() int {
	d, err := n.model.DataCenter(context.Background())
	if err != nil {
		n.log.Warn("session capacity cannot be read", "error", err)
		return 0
	}
	return d.SessionCapacity
}
