package testkit

import (
	"context"
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/store/badger"
)

// Census reads every key of a stopped data center's state store, with the SHA-256 of its value. Keys are as in
// docs/architecture.md.
func Census(t testing.TB, dataDir string) map[string]string {
	t.Helper()
	s, err := badger.Open(badger.Config{Dir: filepath.Join(dataDir, "state"), MinFree: -1})
	if err != nil {
		t.Fatalf("take census: %v", err)
	}
	all := map[string]string{}
	err = s.View(context.Background(), func(r store.Reader) error {
		return r.Range(store.Span{}, func(key, value []byte) error {
			all[string(key)] = fmt.Sprintf("%x", sha256.Sum256(value))
			return nil
		})
	})
	if err != nil {
		t.Errorf("take census: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("take census: %v", err)
	}
	return all
}
