package blob_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/blob"
)

// damage changes what lies on the disk, as a bad disk or a hand would.
func damage(t *testing.T, dir, digest string, b []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "whole", digest+".raw"), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// changed is b with another last byte.
func changed(b []byte) []byte {
	b = bytes.Clone(b)
	b[len(b)-1] ^= 1
	return b
}

// TestACutOffBlobIsNotServed: a blob of another size than its package has is missing, and is fetched again (MSS-11).
func TestACutOffBlobIsNotServed(t *testing.T) {
	t.Parallel()
	b := bytesOf(1, 100_000)
	digest, size := digestOf(b), int64(len(b))
	t.Run("opened", func(t *testing.T) {
		t.Parallel()
		s, dir := open(t, blob.Config{})
		put(t, s, b)
		damage(t, dir, digest, b[:len(b)/2])
		f, _, err := s.Open(digest, size)
		if err == nil {
			_ = f.Close() // it was not to be opened
		}
		if !fault.Is(err, fault.Unavailable) || fault.CodeOf(err) != "blob_missing" {
			t.Errorf("half a blob: %v", err)
		}
	})
	t.Run("uploaded again", func(t *testing.T) {
		t.Parallel()
		s, dir := open(t, blob.Config{})
		put(t, s, b)
		damage(t, dir, digest, b[:len(b)/2])
		put(t, s, b)
		f, info, err := s.Open(digest, size)
		if err != nil || info.Size != size {
			t.Fatal(info, err)
		}
		_ = f.Close() // nothing was read
		if _, made, err := s.Put(t.Context(), digest, 5, strings.NewReader("wrong")); made || err != nil {
			t.Errorf("a wrong size announced: %v, %v; want what is here to stay", made, err)
		}
	})
	t.Run("fetched again", func(t *testing.T) {
		t.Parallel()
		n := &net{sources: []string{"A"}, want: map[string]int64{digest: size}, answer: holding(b)}
		s, f := n.fetching(t, func(dir string) { damage(t, dir, digest, b[:len(b)/2]) })
		eventually(t, "it is whole again", func() bool { return len(absent(t, f)) == 0 && has(s, digest) })
		if got, _, err := s.Stat(digest); got.Size != size || err != nil {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// TestADamagedBlobIsRemoved once a day's verification has found it, with an error in the log; what is sound stays and is not
// read again within the day (MSS-11).
func TestADamagedBlobIsRemoved(t *testing.T) {
	t.Parallel()
	now, told := clock.NewManual(time.Now()), &safeText{}
	s, dir := open(t, blob.Config{Clock: now, Logger: slog.New(slog.NewTextHandler(told, nil))})
	b, sound := bytesOf(1, 9<<20), bytesOf(2, 1000) // the one takes several steps
	put(t, s, sound)
	digest := put(t, s, b)
	damage(t, dir, digest, changed(b))
	verify := func(want int) {
		t.Helper()
		if n, err := s.Verify(t.Context()); n != want || err != nil {
			t.Errorf("%d removed, %v; want %d", n, err, want)
		}
	}
	verify(0) // its bytes came less than a day ago
	now.Advance(25 * time.Hour)
	gone, leave := context.WithCancel(t.Context())
	leave()
	if n, err := s.Verify(gone); n != 0 || err == nil {
		t.Errorf("without time: %d removed, %v", n, err)
	}
	verify(1)
	if has(s, digest) || !has(s, digestOf(sound)) || !strings.Contains(told.String(), digest) || !strings.Contains(told.String(), "level=ERROR") {
		t.Errorf("damaged %v, sound %v, log %q", has(s, digest), has(s, digestOf(sound)), told)
	}
	damage(t, dir, digestOf(sound), changed(sound))
	verify(0) // it was read today
	s2, _ := open(t, blob.Config{Dir: dir, Clock: now})
	if n, err := s2.Verify(t.Context()); n != 1 || err != nil {
		t.Errorf("after a restart: %d removed, %v", n, err)
	}
}

// safeText is a log that may be written and read at once.
type safeText struct {
	mu sync.Mutex // guards b
	b  strings.Builder
}

func (s *safeText) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeText) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
