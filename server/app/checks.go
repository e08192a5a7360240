package app

import (
	"context"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/configuration"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/passphrase"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/topology"
)

// checks makes what tests partners and validates the whole.
func (n *Node) checks() (*topology.Tester, *topology.Validator, error) {
	link := topologyLink{n.links}
	tester, err := topology.NewTester(topology.TesterConfig{Log: n.journal, ClusterID: n.cfg.ClusterID, Version: n.opts.Version, Prober: prober{link},
		Agreements: n.agreement, Clock: n.opts.Clock, Passphrase: n.provesTheSame})
	if err != nil {
		return nil, nil, err
	}
	validator, err := topology.NewValidator(topology.ValidatorConfig{Log: n.journal, ClusterID: n.cfg.ClusterID, Version: n.opts.Version, Hello: link.Hello,
		Agreements: n.agreement, Majority: n.mastership.Majority, Modes: modeFacts{n}, Roots: n.authority.Roots, Own: n.ownCertificates, State: n.partners.State, Clock: n.opts.Clock,
		AskEdges: edgeCalls{n.links}.Ask, AskDomains: edgeCalls{n.links}.domains,
		Domains: func(ctx context.Context) (journal.Domains, error) {
			d, err := n.model.Domains(ctx)
			if err != nil {
				return journal.Domains{}, err
			}
			return *d, nil
		},
		Stores: n.probeStores, AskStores: edgeCalls{n.links}.Stores,
		HasBlob: func(sha256 string) (bool, error) {
			_, found, err := n.blobs.Stat(sha256)
			return found, err
		},
		Audit: func(tx store.Writer, actor topology.Actor, action, target string) error {
			return n.acts.Append(tx, actEvent(configuration.Actor{Name: actor.Name, RequestID: actor.RequestID, Address: actor.Address}, action, target))
		}})
	n.validator = validator
	return tester, validator, err
}

// settleTime is how long a test waits for the proof of a passphrase that was declared a moment ago.
const settleTime = 5 * time.Second

// provesTheSame judges the passphrase towards a partner: in mode simple by the pairing, in mode open by whether the partner's last answer
// proved it.
func (n *Node) provesTheSame(ctx context.Context, clusterID string, hello error) (used, equal bool, detail string) {
	switch n.modes.now() {
	case mdc.ModeOpen:
		if fault.CodeOf(hello) == passphrase.CodeUnproved {
			return true, false, "it differs from the one of the partner's profile, or the other end is not in mode open"
		}
		return true, hello == nil, "both prove the same"
	case mdc.ModeSimple:
		settling, cancel := context.WithTimeout(ctx, settleTime)
		defer cancel()
		st, err := n.pairings.Settled(settling, clusterID)
		switch {
		case err != nil:
			return true, false, "the pairing cannot be read"
		case st.Current:
			return true, true, "paired at " + st.At.UTC().Format(time.RFC3339)
		case st.Paired:
			return true, false, "paired under a former passphrase, so the link works; the one that is declared now is not proved yet: " + st.Reason
		}
		return true, false, st.Reason
	}
	return false, false, ""
}

// modeFacts tells the validator of modes and passphrases.
type modeFacts struct{ n *Node }

// InForce is the mode of the peer listener.
func (m modeFacts) InForce() string { return m.n.modes.now() }

// Bits estimates a passphrase.
func (m modeFacts) Bits(h mdc.PassphraseHolder, kind mdc.Kind) (float64, bool) {
	return m.n.passphrases.Bits(h, kind)
}

// Unproved says why the pairing in force is not one under the passphrase that is declared now.
func (m modeFacts) Unproved(ctx context.Context, clusterID string) string {
	st, err := m.n.pairings.State(ctx, clusterID)
	if err != nil || !st.Paired || st.Current {
		return ""
	}
	return st.Reason
}

// Unpaired says why there is no pairing.
func (m modeFacts) Unpaired(ctx context.Context, clusterID string) string {
	st, err := m.n.pairings.State(ctx, clusterID)
	if err != nil || st.Paired {
		return ""
	}
	return st.Reason
}
