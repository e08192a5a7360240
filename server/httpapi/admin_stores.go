package httpapi

import (
	"maps"
	"net/http"
	"slices"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/topology"
)

func (s *Server) storeRoutes() []route {
	return []route{{method: http.MethodPost, path: "/v1/identity-stores/{name}/test", summary: "Test an identity store, every server of it, from every data center; changes nothing", out: wire.IdentityStoreTest{}, needs: onAll(mdc.ActionOperate, mdc.IdentityStoreKind().Name), handle: s.testStore}}
}

func (s *Server) peerStoreRoutes() []route {
	return []route{{method: http.MethodGet, path: "/peer/v1/identity-stores", summary: "The identity stores as this data center finds them; needs allow_management", out: wire.PeerIdentityStores{}, handle: s.peerStores}}
}

// peerStores tells an active partner, when this data center's profile lets others manage it.
func (s *Server) peerStores(c *call) error {
	all, err := s.c.Validator.AnswerStores(c.Request.Context())
	if err != nil {
		return err
	}
	out := wire.PeerIdentityStores{Stores: []wire.PeerIdentityStore{}}
	for _, st := range all {
		out.Stores = append(out.Stores, wire.PeerIdentityStore{Name: st.Name, People: st.People, Plaintext: st.Plaintext, Overridden: st.Overridden, Checks: storeChecks(st)})
	}
	return c.answer(out)
}

func (s *Server) testStore(c *call) error {
	name := c.Param("name")
	if !mdc.ValidName(name) {
		return fault.New(fault.NotFound, "not_found", "There is no identity_store named %q here.", clip(name))
	}
	if err := s.c.Audit(c.Request.Context(), c.actor(), "test", mdc.IdentityStoreKind().Name+"/"+name); err != nil {
		return err
	}
	own, theirs, why, err := s.c.Validator.Stores(c.Request.Context())
	if err != nil {
		return err
	}
	out := wire.IdentityStoreTest{ID: name, Result: wire.ResultPass}
	note := func(clusterID, reason string, all []topology.Store) {
		d := storeAt(clusterID, name, reason, all)
		if d.Result == wire.ResultFail {
			out.Result = wire.ResultFail
		}
		out.DataCenters = append(out.DataCenters, d)
	}
	if note(s.c.ClusterID, "", own); out.DataCenters[0].Reason != "" {
		return fault.New(fault.NotFound, "not_found", "There is no identity_store named %q here.", clip(name))
	}
	if err := s.c.Audit(c.Request.Context(), c.actor(), "test", mdc.IdentityStoreKind().Name+"/"+name); err != nil {
		return err
	}
	for _, p := range slices.Sorted(maps.Keys(theirs)) {
		note(p, "", theirs[p])
	}
	for _, p := range slices.Sorted(maps.Keys(why)) {
		note(p, why[p], nil)
	}
	return c.answer(out)
}

// storeAt is one store among those of a data center.
func storeAt(clusterID, name, reason string, all []topology.Store) wire.IdentityStoreDataCenter {
	d := wire.IdentityStoreDataCenter{ClusterID: clusterID, Result: wire.ResultFail, Reason: reason, Checks: []wire.IdentityStoreCheck{}}
	for _, st := range all {
		if st.Name != name {
			continue
		}
		if d.Checks, d.Overridden = storeChecks(st), st.Overridden; st.Serves() {
			d.Result = wire.ResultPass
		}
		return d
	}
	if reason == "" {
		d.Reason = "It has no identity store of this name."
	}
	return d
}

func storeChecks(st topology.Store) []wire.IdentityStoreCheck {
	out := []wire.IdentityStoreCheck{}
	for _, k := range st.Checks {
		result := wire.ResultPass
		if !k.Pass {
			result = wire.ResultFail
		}
		out = append(out, wire.IdentityStoreCheck{Server: k.Server, Name: k.Name, Result: result, Detail: k.Detail})
	}
	return out
}

// Bounds of what a partner tells of one store.
const (
	maxStoreChecks = 16 * 5
	maxOverridden  = 100
)

// StoresFromWire reads what another data center says of its identity stores; texts and lists are cut.
func StoresFromWire(all []wire.PeerIdentityStore) []topology.Store {
	out := make([]topology.Store, 0, len(all))
	for _, w := range all {
		st := topology.Store{Name: clip(w.Name), People: cut(w.People, 4096), Plaintext: w.Plaintext}
		for _, p := range w.Overridden[:min(len(w.Overridden), maxOverridden)] {
			st.Overridden = append(st.Overridden, clip(p))
		}
		for _, k := range w.Checks[:min(len(w.Checks), maxStoreChecks)] {
			st.Checks = append(st.Checks, topology.StoreCheck{Server: cut(k.Server, 512), Name: clip(k.Name), Pass: k.Result == wire.ResultPass, Detail: cut(k.Detail, 500)})
		}
		out = append(out, st)
	}
	return out
}
