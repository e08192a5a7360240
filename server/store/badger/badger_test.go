package badger_test

import (
	"testing"

	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/store/badger"
	"github.com/concord-access/terraform-provider-concord/server/store/storetest"
)

// TestConformance runs the suite that every store passes.
func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T, dir string) store.Store { return open(t, badger.Config{Dir: dir}) })
}

// open opens a store for one test, which closes it or leaves that to the end.
func open(t *testing.T, cfg badger.Config) *badger.Store {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	s, err := badger.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func put(t *testing.T, s *badger.Store, key, value string) {
	t.Helper()
	if err := s.Update(t.Context(), putting(key, value)); err != nil {
		t.Fatalf("put %s: %v", key, err)
	}
}

func putting(key, value string) func(store.Writer) error {
	return func(w store.Writer) error { return w.Put([]byte(key), []byte(value), 0) }
}

func get(t *testing.T, s *badger.Store, key string) (string, error) {
	t.Helper()
	var value []byte
	err := s.View(t.Context(), func(r store.Reader) (err error) {
		value, err = r.Get([]byte(key))
		return err
	})
	return string(value), err
}
