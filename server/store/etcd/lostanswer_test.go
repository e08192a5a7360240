package etcd_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/store/etcd"
)

// appending adds a letter to what a key holds.
func appending(key, letter string) func(store.Writer) error {
	return func(w store.Writer) error {
		old, err := w.Get([]byte(key))
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		return w.Put([]byte(key), append(old, letter...), 0)
	}
}

// TestLostAnswer loses what etcd answers to a commit, or the commit itself, while another node commits so often. The change is made once
// or not at all, whoever came between, and who is told that it was made, or was not, is told the truth (FLT-24).
func TestLostAnswer(t *testing.T) {
	c := cluster(t)
	for name, lost := range map[string]struct {
		answer  bool // what is lost: the answer, or else the commit
		others  int  // commits of the other node meanwhile
		unknown bool // it cannot be told whether it was made
		times   int  // it is in what is kept
	}{
		"the answer, nobody came between":        {true, 0, false, 1},
		"the answer, one built on it":            {true, 1, true, 1},
		"the answer, three built on it":          {true, 3, true, 1},
		"the commit, nobody came between":        {false, 0, false, 1},
		"the commit, another one was made first": {false, 1, false, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := testkit.NewProxy(t, c.Members[0].Address)
			cfg := etcd.Config{Prefix: prefixOf(t.TempDir()), RequestTimeout: 30 * time.Second}
			other := open(t, c, cfg)
			cfg.Endpoints = []string{"http://" + p.Address}
			s := open(t, c, cfg)
			if err := s.Update(t.Context(), appending("k", ".")); err != nil { // from now on it knows where it stands: its next call is the commit
				t.Fatal(err)
			}
			ran := make(chan struct{}, 8)
			done := make(chan error, 1)
			p.Silence(!lost.answer, lost.answer)
			go func() {
				done <- s.Update(t.Context(), func(w store.Writer) error {
					ran <- struct{}{}
					return appending("k", "a")(w)
				})
			}()
			<-ran
			if lost.answer {
				awaitValue(t, other, ".a")
			}
			for range lost.others {
				if err := other.Update(t.Context(), appending("k", "b")); err != nil {
					t.Fatal(err)
				}
			}
			p.Silence(false, false)
			if err := <-done; (err != nil) != lost.unknown || err != nil && fault.CodeOf(err) != etcd.CodeUnknown {
				t.Errorf("the caller is told %v", err)
			}
			if got, err := get(t, other, "k"); err != nil || strings.Count(got, "a") != lost.times || strings.Count(got, "b") != lost.others {
				t.Errorf("k = %q, %v", got, err)
			}
			if err := s.Update(t.Context(), appending("k", "c")); err != nil { // it goes on
				t.Fatal(err)
			}
			if got, err := get(t, other, "k"); err != nil || !strings.HasSuffix(got, "c") {
				t.Errorf("afterwards k = %q, %v", got, err)
			}
		})
	}
}

// awaitValue waits until a node reads a value of k.
func awaitValue(t *testing.T, s store.Store, want string) {
	t.Helper()
	testkit.Eventually(t.Context(), t, "k is "+want, func() bool {
		got, err := get(t, s, "k")
		if err != nil {
			t.Fatal(err)
		}
		return got == want
	})
}
