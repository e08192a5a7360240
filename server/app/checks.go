package app

import (
	"github.com/concord-access/terraform-provider-concord/server/audit"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/topology"
)

// checks makes what tests partners and validates the whole.
func (n *Node) checks() (*topology.Tester, *topology.Validator, error) {
	link := topologyLink{n.links}
	tester, err := topology.NewTester(topology.TesterConfig{Log: n.journal, ClusterID: n.cfg.ClusterID, Version: n.opts.Version, Prober: prober{link},
		Agreements: n.agreement, Clock: n.opts.Clock})
	if err != nil {
		return nil, nil, err
	}
	record := audit.New(n.cfg.ClusterID, n.opts.Clock)
	validator, err := topology.NewValidator(topology.ValidatorConfig{Log: n.journal, ClusterID: n.cfg.ClusterID, Version: n.opts.Version, Hello: link.Hello,
		Agreements: n.agreement, Majority: n.mastership.Majority, Roots: n.authority.Roots, Own: n.ownCertificates, State: n.partners.State, Clock: n.opts.Clock,
		AskEdges: edgeCalls{n.links}.Ask,
		HasBlob: func(sha256 string) (bool, error) {
			_, found, err := n.blobs.Stat(sha256)
			return found, err
		},
		Audit: func(tx store.Writer, actor topology.Actor, action, target string) error {
			return record.Append(tx, audit.Event{Actor: actor.Name, Action: action, Target: target, RequestID: actor.RequestID})
		}})
	n.validator = validator
	return tester, validator, err
}
