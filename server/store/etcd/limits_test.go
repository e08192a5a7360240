package etcd_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/store/etcd"
)

// TestLowLimits: members that take smaller transactions than Concord makes are found at the start, ones that take shorter requests
// when there is one; both say which flag. What fits works meanwhile.
func TestLowLimits(t *testing.T) {
	few := single(t, testkit.EtcdOptions{Flags: []string{"--max-txn-ops=126"}})
	refused(t, withDefaults(few, etcd.Config{}), "--max-txn-ops to 128")

	short := single(t, testkit.EtcdOptions{Flags: []string{"--max-request-bytes=262144"}})
	s := open(t, short, etcd.Config{})
	for _, size := range []int{512 << 10, 1 << 20} { // over etcd's limit, and over that of its transport
		err := s.Update(t.Context(), func(w store.Writer) error { return w.Put([]byte("long"), make([]byte, size), 0) })
		if fault.CodeOf(err) != etcd.CodeRefused || !strings.Contains(err.Error(), "--max-request-bytes to 1572864") {
			t.Errorf("%d bytes = %v; want %s with the flag", size, err, etcd.CodeRefused)
		}
	}
	if _, err := get(t, s, "long"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a refused write can be read: %v", err)
	}
	if err := s.Update(t.Context(), putting("a", "1")); err != nil || s.Health() != nil {
		t.Errorf("what fits = %v, health %v", err, s.Health())
	}
}

// TestFullGroups: transactions that were grouped reach all limits together, and etcd with its default settings takes that: as many
// writes as one may have, with the longest prefix, in a group of several.
func TestFullGroups(t *testing.T) {
	c := single(t, testkit.EtcdOptions{Flags: []string{"--max-txn-ops=127"}}) // what is needed, to the last one
	s := open(t, c, etcd.Config{Prefix: "a-prefix-of-sixty-four-bytes-which-is-the-longest-one-there-may-"})
	most := s.Limits().Ops
	var all sync.WaitGroup
	running := make(chan struct{})
	all.Go(func() { // holds the committer until the others wait, so that they make one group
		err := s.Update(t.Context(), func(w store.Writer) error {
			close(running)
			etcd.AwaitQueued(s, 2)
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-running
	for i, n := range []int{1, most - 3} {
		all.Go(func() {
			err := s.Update(t.Context(), func(w store.Writer) error {
				for k := range n {
					if err := w.Put(fmt.Appendf(nil, "%d/%d", i, k), make([]byte, 100), 0); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Errorf("%d writes: %v", n, err)
			}
		})
	}
	all.Wait()
	if n := count(t, s, ""); n != most-2 {
		t.Errorf("%d keys; want %d", n, most-2)
	}
}
