package app

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/concord-access/terraform-provider-concord/server/configuration"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/topology"
)

// Bounds of a probe of all identity stores.
const (
	maxProbedStores = 100
	probedAtOnce    = 8
)

// probeStores asks every server of every declared identity store, as this data center uses it.
func (n *Node) probeStores(ctx context.Context) ([]topology.Store, error) {
	list, _, err := n.service.ListEffective(ctx, configuration.Actor{Rights: mdc.EveryRight()}, mdc.IdentityStoreKind(), "", maxProbedStores)
	if err != nil {
		return nil, err
	}
	out := make([]topology.Store, len(list))
	var group errgroup.Group
	group.SetLimit(probedAtOnce)
	for i, res := range list {
		group.Go(func() (err error) {
			out[i], err = n.probeStore(ctx, res)
			return err
		})
	}
	return out, group.Wait()
}

func (n *Node) probeStore(ctx context.Context, res configuration.Result) (topology.Store, error) {
	s, err := mdc.As[*mdc.IdentityStore](res.Object)
	if err != nil {
		return topology.Store{}, err
	}
	out := topology.Store{Name: s.Name, Overridden: res.Overridden, Plaintext: plaintext(s), People: fmt.Sprintf("%q %q %q", s.UserSearchBase, s.UserNameAttribute, s.Filter())}
	store, err := n.directories.get(ctx, s.Name)
	if store == nil || err != nil { // it went while it was looked at
		return out, err
	}
	for _, c := range store.Probe(ctx) {
		out.Checks = append(out.Checks, topology.StoreCheck(c))
	}
	return out, nil
}

// plaintext says whether passwords cross a network in clear.
func plaintext(s *mdc.IdentityStore) bool {
	for _, text := range s.URLs {
		if u, ok := mdc.ValidDirectoryURL(text); ok && s.Plaintext(u) && !mdc.OnThisMachine(u) {
			return true
		}
	}
	return false
}
