package badger_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/store/badger"
)

// during commits putting("k/1", "1") and, while that is being synced, runs functions of the group behind it. With fails its sync fails, and
// the disk works again from then on. It gives the answers, that of the commit first.
func during(t *testing.T, s *badger.Store, fails error, functions ...func(store.Writer) error) (answers []error) {
	t.Helper()
	entered, opened := make(chan struct{}), make(chan struct{})
	badger.RunAheadFor(s, time.Hour)
	badger.OnFirstSync(s, func() error {
		close(entered)
		<-opened
		return fails
	})
	done := make(chan error, 1)
	go func() { done <- s.Update(t.Context(), putting("k/1", "1")) }()
	<-entered
	waiting := make([]chan error, len(functions))
	for i, fn := range functions {
		ran := make(chan struct{})
		waiting[i] = make(chan error, 1)
		go func() {
			waiting[i] <- s.Update(t.Context(), func(w store.Writer) error {
				defer close(ran)
				return fn(w)
			})
		}()
		<-ran
	}
	for _, key := range []string{"k/1", "k/2"} {
		if _, err := get(t, s, key); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s before the sync: %v; want ErrNotFound", key, err)
		}
	}
	close(opened)
	answers = []error{<-done}
	for _, w := range waiting {
		answers = append(answers, <-w)
	}
	return answers
}

// seeing compares what a function reads under k/.
func seeing(want string) func(store.Writer) error {
	return func(w store.Writer) error {
		for _, reverse := range []bool{false, true} {
			got := ""
			err := w.Range(store.Span{Prefix: []byte("k/"), Reverse: reverse}, func(k, v []byte) error {
				if entry := string(k) + "=" + string(v) + " "; reverse {
					got = entry + got
				} else {
					got += entry
				}
				return nil
			})
			if err != nil || got != want {
				return errors.Join(errors.New("range gives "+got+"; want "+want), err)
			}
		}
		return nil
	}
}

// TestHungDisk: who comes while a commit takes long can leave, since nobody has begun with its function (FLT-05).
func TestHungDisk(t *testing.T) {
	s := open(t, badger.Config{})
	entered, opened := make(chan struct{}), make(chan struct{})
	badger.RunAheadFor(s, 0)
	badger.OnFirstSync(s, func() error {
		close(entered)
		<-opened
		return nil
	})
	done := make(chan error, 1)
	go func() { done <- s.Update(t.Context(), putting("a", "1")) }()
	<-entered
	for range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() { left <- s.Update(ctx, putting("a", "2")) }()
		runtime.Gosched()
		cancel()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("update whose caller left while the disk hangs = %v; want context.Canceled", err)
		}
	}
	close(opened)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got, err := get(t, s, "a"); got != "1" {
		t.Errorf("a = %q, %v; want 1", got, err)
	}
}

// TestRunsDuringASync: while a group is being synced the functions of the next one run. They see what the first one writes, which nobody
// else does before it is durable.
func TestRunsDuringASync(t *testing.T) {
	s := open(t, badger.Config{})
	put(t, s, "k/0", "0")
	answers := during(t, s, nil,
		func(w store.Writer) error {
			return errors.Join(expect(w, "k/1", "1"), seeing("k/0=0 k/1=1 ")(w), putting("k/2", "2")(w), seeing("k/0=0 k/1=1 k/2=2 ")(w))
		},
		func(w store.Writer) error { return errors.Join(w.Delete([]byte("k/1")), errRefused) },
		func(w store.Writer) error {
			return errors.Join(expect(w, "k/1", "1"), w.Delete([]byte("k/0")), seeing("k/1=1 k/2=2 ")(w), putting("k/1", "3")(w), seeing("k/1=3 k/2=2 ")(w))
		})
	if answers[0] != nil || answers[1] != nil || !errors.Is(answers[2], errRefused) || answers[3] != nil {
		t.Fatal(answers)
	}
	for key, want := range map[string]string{"k/1": "3", "k/2": "2"} {
		if got, err := get(t, s, key); got != want {
			t.Errorf("%s = %q, %v; want %s", key, got, err, want)
		}
	}
}

// FLT-05: when the sync of a group fails, what ran meanwhile fails with it, also what wrote nothing, although the disk would take it.
func TestFailsWithTheGroupBefore(t *testing.T) {
	s := open(t, badger.Config{})
	answers := during(t, s, errors.New("no sync"), func(w store.Writer) error { return expect(w, "k/1", "1") }, putting("k/2", "2"))
	for i, err := range append(answers, s.Update(t.Context(), putting("k/3", "3"))) {
		if fault.CodeOf(err) != "storage_failed" {
			t.Errorf("answer %d: %v; want storage_failed", i, err)
		}
	}
	for _, key := range []string{"k/1", "k/2", "k/3"} {
		if _, err := get(t, s, key); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s is seen: %v", key, err)
		}
	}
}

// What only wrote nothing after a failed group fails too: it may have seen what is not there.
func TestReadsFailWithTheGroupBefore(t *testing.T) {
	s := open(t, badger.Config{})
	answers := during(t, s, errors.New("no sync"), func(w store.Writer) error { return expect(w, "k/1", "1") })
	if fault.CodeOf(answers[1]) != "storage_failed" {
		t.Errorf("%v; want storage_failed", answers[1])
	}
}

// TestViewKeepsItsVersion: what a view has begun to read stays, also when Badger has merged its tables since.
func TestViewKeepsItsVersion(t *testing.T) {
	s := open(t, badger.Config{MemTableBytes: 8 << 20})
	put(t, s, "k", "before")
	err := s.View(t.Context(), func(r store.Reader) error {
		for range 70 { // some eight tables, of which Badger merges the first five
			if err := s.Update(t.Context(), func(w store.Writer) error {
				return errors.Join(putting("k", "after")(w), putting("large", noise(900<<10))(w))
			}); err != nil {
				return err
			}
		}
		v, err := r.Get([]byte("k"))
		if string(v) != "before" {
			t.Errorf("k = %q; want before", v)
		}
		return err
	})
	if got, _ := get(t, s, "k"); err != nil || got != "after" {
		t.Error(got, err)
	}
}
