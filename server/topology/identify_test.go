package topology_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/replication"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/topology"
)

// raw reads a key of a site's store; nil = it is not there.
func (s *site) raw(key string) (value []byte) {
	s.w.t.Helper()
	must(s.w.t, s.store.View(context.Background(), func(r store.Reader) error {
		v, err := r.Get([]byte(key))
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		value = bytes.Clone(v)
		return err
	}))
	return value
}

func (s *site) write(key string, value []byte) {
	s.w.t.Helper()
	must(s.w.t, s.store.Update(context.Background(), func(tx store.Writer) error {
		if value == nil {
			return tx.Delete([]byte(key))
		}
		return tx.Put([]byte(key), value, 0)
	}))
}

// identity is the SHA-256 of the credential that a clone shows.
func (s *site) identity(agreement string) (hash []byte) {
	s.w.t.Helper()
	must(s.w.t, s.store.View(context.Background(), func(r store.Reader) (err error) {
		hash, err = s.identities.Hash(r, agreement)
		return err
	}))
	return hash
}

// known waits until a master has a clone's present credential registered, another one than before, and gives it.
func known(t *testing.T, master, clone *site, agreement string, before []byte) []byte {
	t.Helper()
	eventually(t, master.id+" knows the credential of "+clone.id, func() bool {
		is := clone.identity(agreement)
		return is != nil && !bytes.Equal(is, before) && bytes.Equal(is, master.raw("h/i/"+agreement))
	})
	return clone.identity(agreement)
}

// replicates writes at the master and waits for the clone.
func replicates(t *testing.T, group string, master, clone *site) {
	t.Helper()
	must(t, master.group(group))
	clone.reaches(master)
}

// TestReplicationIdentity: an agreement has a credential of its own, made by the clone and known to the master as its hash. It is
// asked for on every way in, opens that agreement alone, is made anew when the agreement is enabled, and goes with it (OAM-50).
func TestReplicationIdentity(t *testing.T) {
	t.Parallel()
	_, s := topologyOf(t, 3)
	ny, ld, pd := s[0], s[1], s[2]
	id, other := ld.halves()[0].Identifier, pd.halves()[0].Identifier
	first := known(t, ny, ld, id, nil)
	secret, err := ld.identities.Secret(t.Context(), id)
	must(t, err)
	foreign, err := pd.identities.Secret(t.Context(), other)
	must(t, err)
	if len(secret) != 32 || bytes.Equal(secret, foreign) || bytes.Contains(ld.raw("h/s/"+id), secret) || bytes.Contains(ny.raw("h/i/"+id), secret) {
		t.Error("the credential is short, shared, or lies there in clear")
	}
	for name, c := range map[string]struct {
		by   replication.Caller
		code string
	}{
		"its own":          {replication.Caller{ClusterID: "LDC", Secret: secret}, ""},
		"none":             {replication.Caller{ClusterID: "LDC"}, replication.CodeWrongIdentity},
		"another's":        {replication.Caller{ClusterID: "LDC", Secret: foreign}, replication.CodeWrongIdentity},
		"one bit off":      {replication.Caller{ClusterID: "LDC", Secret: append([]byte{secret[0] ^ 1}, secret[1:]...)}, replication.CodeWrongIdentity},
		"the hash":         {replication.Caller{ClusterID: "LDC", Secret: first}, replication.CodeWrongIdentity},
		"by another one":   {replication.Caller{ClusterID: "PDC", Secret: secret}, "no_agreement"},
		"by its foreigner": {replication.Caller{ClusterID: "PDC", Secret: foreign}, "no_agreement"},
	} {
		_, journalErr := ny.feed.Journal(t.Context(), c.by, id, ny.position(), 0)
		_, snapshotErr := ny.feed.Snapshot(t.Context(), c.by, id, func(mdc.Position) error { return nil }, func(replication.Item) error { return nil })
		_, digestsErr := ny.feed.Digests(t.Context(), c.by, id, replication.Question{})
		_, objectsErr := ny.feed.Objects(t.Context(), c.by, id, "group", []string{"first"})
		for _, err := range []error{journalErr, snapshotErr, digestsErr, objectsErr} {
			t.Run(name, func(t *testing.T) { wantCode(t, err, c.code) })
		}
	}
	for _, on := range []bool{false, true} {
		_, err := ny.change(id, func(a *mdc.Agreement) { a.Enabled = on })
		must(t, err)
	}
	second := known(t, ny, ld, id, first)
	replicates(t, "renewed", ny, ld)
	for _, on := range []bool{false, true} { // at the clone alone
		_, err := ld.change(id, func(a *mdc.Agreement) { a.Enabled = on })
		must(t, err)
	}
	known(t, ny, ld, id, second)
	replicates(t, "renewed-there", ny, ld)
	must(t, ny.remove(id, true))
	if ny.raw("h/i/"+id) != nil || ld.raw("h/s/"+id) != nil || ny.raw("h/i/"+other) == nil {
		t.Error("the agreement's credential did not go with it, or another's did")
	}
}

// TestIdentityIsRegisteredAnew: a clone that lost its credential, a master that knows another one, and one that knows none as
// after an upgrade go on by themselves (OAM-50).
func TestIdentityIsRegisteredAnew(t *testing.T) {
	t.Parallel()
	_, s := topologyOf(t, 2)
	ny, ld := s[0], s[1]
	id := ld.halves()[0].Identifier
	first := known(t, ny, ld, id, nil)
	ny.write("h/i/"+id, make([]byte, 32)) // as after a restored backup
	replicates(t, "other", ny, ld)
	known(t, ny, ld, id, nil)
	ny.write("h/i/"+id, nil) // as with a master of an older version
	replicates(t, "none", ny, ld)
	ld.write("h/s/"+id, nil)
	ld.close()
	ld.open()
	known(t, ny, ld, id, first)
	replicates(t, "lost", ny, ld)
}

// TestIdentityAfterPromotion: whoever becomes a clone makes a credential of its own and tells its new master; what the former
// master saw opens nothing any more (OAM-50).
func TestIdentityAfterPromotion(t *testing.T) {
	t.Parallel()
	for name, forced := range map[string]bool{"planned": false, "forced": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, s := topologyOf(t, 3)
			ny, ld, pd := s[0], s[1], s[2]
			before := map[string][]byte{}
			for _, c := range []*site{ld, pd} {
				id := c.halves()[0].Identifier
				before[id] = known(t, ny, c, id, nil)
			}
			w.part(ny, forced)
			_, err := ld.promote(topology.Change{Force: forced})
			must(t, err)
			w.part(ny, false)
			settled(t, ld, ny, pd)
			for _, c := range []*site{ny, pd} {
				id := c.halves()[0].Identifier
				known(t, ld, c, id, before[id])
			}
			for id := range before {
				if ny.raw("h/i/"+id) != nil || ld.raw("h/s/"+id) != nil {
					t.Errorf("what belongs to the former roles in %s is left", id)
				}
			}
			replicates(t, "after", ld, pd)
			ny.reaches(ld)
		})
	}
}
