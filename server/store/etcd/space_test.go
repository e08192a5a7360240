package etcd_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/store/etcd"
)

// TestQuota fills etcd up to its quota: writes are refused as storage_full, each one that was not acknowledged is not there and each
// one that was is; reads go on, a node even starts; and when the operator has compacted, defragmented and disarmed, writes go on
// without a restart and without a write that would ask (FLT-04).
func TestQuota(t *testing.T) {
	c := single(t, testkit.EtcdOptions{Flags: []string{"--quota-backend-bytes=8388608"}})
	r := raw(t, c, "", "")
	s := open(t, c, etcd.Config{})
	big := make([]byte, 256<<10)
	acknowledged := 0
	var full error
	for i := 0; full == nil; i++ {
		if i > 100 {
			t.Fatal("etcd does not become full")
		}
		err := s.Update(t.Context(), func(w store.Writer) error {
			return errors.Join(w.Put(fmt.Appendf(nil, "k%03d", i), []byte("1"), 0), w.Put([]byte("big"), big, 0))
		})
		if full = err; err == nil {
			acknowledged++
		}
	}
	wantFull := func(what string, err error) {
		t.Helper()
		if fault.CodeOf(err) != etcd.CodeFull || !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "disarm") {
			t.Errorf("%s = %v; want %s with what to do", what, err, etcd.CodeFull)
		}
	}
	wantFull("an update", full)
	wantFull("another", s.Update(t.Context(), putting("k", "1")))
	wantFull("one with a time to live", s.Update(t.Context(), func(w store.Writer) error { return w.Put([]byte("k"), nil, time.Minute) }))
	if n := count(t, s, "k"); n != acknowledged {
		t.Errorf("%d keys; %d were acknowledged", n, acknowledged)
	}
	wantFull("health after a read", s.Health())
	if err := s.Update(t.Context(), func(w store.Writer) error { _, err := w.Get([]byte("k000")); return err }); err != nil {
		t.Errorf("an update that only reads: %v", err)
	}
	late := open(t, c, etcd.Config{})
	if n := count(t, late, "k"); n != acknowledged {
		t.Errorf("a node that started later reads %d keys", n)
	}

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	at, err := r.Get(ctx, "any")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Compact(ctx, at.Header.Revision, clientv3.WithCompactPhysical()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Defragment(ctx, c.Endpoints()[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := r.AlarmDisarm(ctx, &clientv3.AlarmMember{}); err != nil {
		t.Fatal(err)
	}
	for s.Health() != nil {
		if !waitFor(ctx, 10*time.Millisecond) {
			t.Fatalf("health = %v", s.Health())
		}
	}
	for _, node := range []*etcd.Store{s, late} {
		if err := node.Update(ctx, putting("after", "1")); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	}
}

// TestCompactedUnderFollowers: who follows the store has in memory what it holds after the operator compacted away what the watch
// would have to go back to, and the member that it was connected to went away and came again.
func TestCompactedUnderFollowers(t *testing.T) {
	c := single(t, testkit.EtcdOptions{})
	r := raw(t, c, "", "")
	s := open(t, c, etcd.Config{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var mu sync.Mutex // guards memory
	memory := map[string]string{}
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		store.Follow(ctx, s, []byte("f/"), func(ctx context.Context) error {
			mu.Lock()
			defer mu.Unlock()
			clear(memory)
			return s.View(ctx, func(r store.Reader) error {
				return r.Range(store.Span{Prefix: []byte("f/")}, func(k, v []byte) error { memory[string(k)] = string(v); return nil })
			})
		}, func(events []store.Event) error {
			mu.Lock()
			defer mu.Unlock()
			for _, e := range events {
				if memory[string(e.Key)] = string(e.Value); e.Value == nil {
					delete(memory, string(e.Key))
				}
			}
			return nil
		}, func(error) {})
	}()
	follows := func(want map[string]string) {
		t.Helper()
		for {
			mu.Lock()
			same := maps.Equal(memory, want)
			mu.Unlock()
			if same {
				return
			}
			if !waitFor(ctx, 5*time.Millisecond) {
				t.Fatalf("in memory is %v; want %v", memory, want)
			}
		}
	}
	write := func(key, value string) {
		t.Helper()
		if err := s.Update(ctx, putting(key, value)); err != nil {
			t.Fatal(err)
		}
	}
	compact := func() {
		t.Helper()
		at, err := r.Put(ctx, "elsewhere", "1")
		if err == nil {
			_, err = r.Compact(ctx, at.Header.Revision, clientv3.WithCompactPhysical())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	write("f/a", "1")
	follows(map[string]string{"f/a": "1"})
	compact()
	write("f/b", "1") // by the watch that goes on
	follows(map[string]string{"f/a": "1", "f/b": "1"})
	write("g/c", "1") // nothing that the watch tells of, so that it would go back before it
	compact()
	c.Members[0].Kill()
	c.Members[0].Start()
	c.Members[0].AwaitHealthy()
	if err := s.Update(ctx, func(w store.Writer) error {
		return errors.Join(w.Put([]byte("f/a"), []byte("2"), 0), w.Delete([]byte("f/b")))
	}); err != nil {
		t.Fatal(err)
	}
	follows(map[string]string{"f/a": "2"})
	cancel()
	<-followed
}
