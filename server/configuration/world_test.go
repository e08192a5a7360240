package configuration_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/audit"
	"github.com/concord-access/terraform-provider-concord/server/configuration"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/store/badger"
)

// fataler is what *testing.T and *rapid.T have in common here.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

// world is one data center's configuration on a real store.
type world struct {
	fataler // the test
	*configuration.Service
	log   *journal.Log
	store *badger.Store
	audit *audit.Log
	clock *clock.Manual
}

// plain stands in for the node key: the tests here keep nothing secret.
type plain struct{}

func (plain) Wrap(b, _ []byte) ([]byte, error)   { return b, nil }
func (plain) Unwrap(b, _ []byte) ([]byte, error) { return b, nil }

// options of a world.
type options struct {
	memTable int64
	hash     func(ctx context.Context, plain string) (string, error)
}

func newWorld(t fataler, dir string, o options) *world {
	t.Helper()
	if o.memTable == 0 {
		o.memTable = 8 << 20
	}
	if o.hash == nil {
		o.hash = hashOf
	}
	w := &world{fataler: t, clock: clock.NewManual(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))}
	var err error
	w.store, err = badger.Open(badger.Config{Dir: filepath.Join(dir, "state"), MinFree: -1, MemTableBytes: o.memTable, Clock: w.clock})
	w.must(err)
	w.log, err = journal.New(context.Background(), journal.Config{Store: w.store, Wrapper: plain{}, ClusterID: "NYDC", Clock: w.clock})
	w.must(err)
	w.audit = audit.New("NYDC", w.clock)
	w.Service, err = configuration.New(configuration.Config{Log: w.log, Audit: w.audit, ClusterID: "NYDC", Hash: o.hash, Clock: w.clock, Wrapper: plain{},
		Master: func() string { return "https://master.example" }})
	w.must(err)
	return w
}

// start is newWorld for a test that closes it.
func start(t *testing.T, o options) *world {
	t.Helper()
	w := newWorld(t, t.TempDir(), o)
	t.Cleanup(w.close)
	return w
}

func (w *world) ctx() context.Context { return context.Background() }

func (w *world) close() { w.must(w.store.Close()) }

// hashOf has no salt, so that two ways to one state can be compared.
func hashOf(_ context.Context, plain string) (string, error) {
	sum := sha256.Sum256([]byte(plain))
	return hex.EncodeToString(sum[:]), nil
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatalf("%v", err)
	}
}

func (w *world) position() mdc.Position {
	w.Helper()
	p, err := w.log.Position(context.Background())
	w.must(err)
	return p
}

// events gives every audit record.
func (w *world) events() uint64 {
	w.Helper()
	n, err := w.audit.Verify(context.Background(), w.store)
	w.must(err)
	return n
}

// auditText is the text of every audit record, in order.
func (w *world) auditText() (out []string) {
	w.Helper()
	w.must(w.store.View(context.Background(), func(r store.Reader) error {
		return r.Range(store.Span{Prefix: []byte("a/e/")}, func(_, v []byte) error {
			out = append(out, string(v))
			return nil
		})
	}))
	return out
}

func (w *world) put(kind mdc.Kind, o mdc.Object) configuration.Result {
	w.Helper()
	res, err := w.Put(context.Background(), ann, kind, o, configuration.Precondition{})
	w.must(err)
	return res
}

var ann = configuration.Actor{Name: "token:ann", RequestID: "request-1", Rights: mdc.EveryRight()}

// give is an operation that puts o.
func give(kind mdc.Kind, o mdc.Object) configuration.Operation {
	return configuration.Operation{Kind: kind, Name: o.ObjectName(), Change: func(mdc.Object) (mdc.Object, error) { return o, nil }}
}

// take is an operation that deletes.
func take(kind mdc.Kind, name string) configuration.Operation {
	return configuration.Operation{Kind: kind, Name: name}
}

func group(name string) *mdc.Group { return &mdc.Group{Name: name} }

func user(name string, groups ...string) *mdc.User {
	return &mdc.User{Name: name, Enabled: true, Groups: groups}
}

// refused checks kind, code and places of a refusal.
func refused(t *testing.T, err error, kind fault.Kind, code string, pointers ...string) {
	t.Helper()
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind != kind || f.Code != code {
		t.Fatalf("got %v, want code %q", err, code)
	}
	var got []string
	for _, field := range f.Fields {
		got = append(got, field.Pointer)
	}
	for i, want := range pointers {
		if i >= len(got) || got[i] != want {
			t.Fatalf("places are %q, want %q", got, pointers)
		}
	}
	if len(pointers) > 0 && len(got) != len(pointers) {
		t.Errorf("places are %q, want %q", got, pointers)
	}
}
