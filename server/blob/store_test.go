package blob_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/blob"
)

// TestMain wants every goroutine to end (FLT-32).
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, c blob.Config) (*blob.Store, string) {
	t.Helper()
	if c.Dir == "" {
		c.Dir = filepath.Join(t.TempDir(), "blobs")
	}
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	if c.Free == nil {
		c.Free = func(string) (int64, error) { return 1 << 40, nil }
	}
	s, err := blob.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // some tests have closed it
	return s, c.Dir
}

func bytesOf(seed byte, n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b) // never fails
	return b
}

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func put(t *testing.T, s *blob.Store, b []byte) string {
	t.Helper()
	if _, _, err := s.Put(t.Context(), digestOf(b), int64(len(b)), bytes.NewReader(b)); err != nil {
		t.Fatal(err)
	}
	return digestOf(b)
}

func files(t *testing.T, dir string) int {
	t.Helper()
	n := 0
	for _, sub := range []string{"whole", "incoming"} {
		entries, err := os.ReadDir(filepath.Join(dir, sub))
		if err != nil {
			t.Fatal(err)
		}
		n += len(entries)
	}
	return n
}

// TestBlobsSurviveARestartAndUploadsUnderWayDoNot: what a killed process leaves of an upload is swept, what was acknowledged
// is there, and a fetch can go on (MSS-11, FLT-01).
func TestBlobsSurviveARestartAndUploadsUnderWayDoNot(t *testing.T) {
	t.Parallel()
	s, dir := open(t, blob.Config{})
	b := bytesOf(1, 1000)
	digest := put(t, s, b)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"incoming/HALF", "partial/" + digestOf([]byte("x"))} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, _ = open(t, blob.Config{Dir: dir})
	f, info, err := s.Open(digest, 1000)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // it is only read
	if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, b) || info.Size != 1000 || info.Format != "raw" {
		t.Errorf("after the restart: %+v, %d bytes, %v", info, len(got), err)
	}
	if n := files(t, dir); n != 1 {
		t.Errorf("%d files are left, want the blob", n)
	}
	if _, err := os.Stat(filepath.Join(dir, "partial", digestOf([]byte("x")))); err != nil {
		t.Error(err)
	}
}

// TestRefusedUploadsLeaveNothing: whatever ends an upload, nothing of it is seen or kept, and who sent it learns why.
func TestRefusedUploadsLeaveNothing(t *testing.T) {
	t.Parallel()
	broken := errors.New("the line broke")
	gone, leave := context.WithCancel(t.Context())
	leave()
	half := func() io.Reader { return io.MultiReader(bytes.NewReader(bytesOf(1, 500)), failing{broken}) }
	var space spaceLeft
	for _, c := range []struct {
		name string
		ctx  context.Context
		free func(string) (int64, error)
		size int64
		body io.Reader
		want func(error) bool
	}{
		{"another digest", nil, nil, -1, strings.NewReader("other"), code("wrong_digest")},
		{"nothing", nil, nil, 0, strings.NewReader(""), code("empty_blob")},
		{"cut off", nil, nil, 1000, half(), func(err error) bool { return errors.Is(err, broken) }},
		{"caller gone", gone, nil, 1000, bytes.NewReader(bytesOf(1, 1000)), func(err error) bool { return errors.Is(err, context.Canceled) }},
		{"announced too large", nil, nil, 1<<30 + 1, strings.NewReader("x"), code("body_too_large")},
		{"no room for it", nil, func(string) (int64, error) { return 1<<30 + 999, nil }, 1000, strings.NewReader("x"), code("storage_full")},
		{"no room any more", nil, space.free, -1, bytes.NewReader(make([]byte, 40<<20)), code("storage_full")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, dir := open(t, blob.Config{Free: c.free})
			if c.ctx == nil {
				c.ctx = t.Context()
			}
			digest := digestOf(bytesOf(1, 1000))
			_, made, err := s.Put(c.ctx, digest, c.size, c.body)
			if made || !c.want(err) {
				t.Errorf("%t, %v", made, err)
			}
			if _, found, err := s.Stat(digest); found || err != nil {
				t.Errorf("it is there: %v", err)
			}
			if n := files(t, dir); n != 0 {
				t.Errorf("%d files are left", n)
			}
		})
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func code(want string) func(error) bool {
	return func(err error) bool { return fault.CodeOf(err) == want }
}

// spaceLeft is a disk that fills up while it is written.
type spaceLeft struct {
	mu    sync.Mutex
	asked int
}

func (s *spaceLeft) free(string) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asked++; s.asked > 1 {
		return 1 << 20, nil
	}
	return 1 << 40, nil
}

// TestUploadsAreBounded: beyond four at once the next is told to come back, and may when one has ended.
func TestUploadsAreBounded(t *testing.T) {
	t.Parallel()
	s, _ := open(t, blob.Config{})
	var uploads sync.WaitGroup
	var ends []*io.PipeWriter
	for i := range byte(4) {
		r, w := io.Pipe()
		ends = append(ends, w)
		b := bytesOf(i, 10)
		uploads.Go(func() {
			if _, _, err := s.Put(t.Context(), digestOf(b), -1, r); err != nil {
				t.Error(err)
			}
		})
		if _, err := w.Write(b); err != nil { // it is being read, so it has its place
			t.Fatal(err)
		}
	}
	next := bytesOf(9, 10)
	if _, _, err := s.Put(t.Context(), digestOf(next), -1, bytes.NewReader(next)); !fault.Is(err, fault.Unavailable) || fault.CodeOf(err) != "uploads_busy" {
		t.Errorf("the fifth: %v", err)
	}
	for _, w := range ends {
		_ = w.Close() // a pipe's never fails
	}
	uploads.Wait()
	put(t, s, next)
}

// TestCollectionSparesWhatSomebodyNeeds: a blob goes when no package has referred to it and nobody has claimed it for Grace; a
// part of a fetch goes with its package.
func TestCollectionSparesWhatSomebodyNeeds(t *testing.T) {
	t.Parallel()
	h := clock.NewManual(time.Now())
	s, dir := open(t, blob.Config{Clock: h})
	used, claimed, loose := put(t, s, bytesOf(1, 10)), put(t, s, bytesOf(2, 10)), put(t, s, bytesOf(3, 10))
	wantedPart, otherPart := digestOf([]byte("a")), digestOf([]byte("b"))
	for _, p := range []string{wantedPart, otherPart} {
		if err := os.WriteFile(filepath.Join(dir, "partial", p), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]int64{used: 10, wantedPart: 1}
	collect := func(removed int) {
		t.Helper()
		if n, err := s.Collect(t.Context(), func(context.Context) (map[string]int64, error) { return want, nil }); err != nil || n != removed {
			t.Errorf("removed %d, %v; want %d", n, err, removed)
		}
	}
	there := func(digest string, want bool) {
		t.Helper()
		if _, found, err := s.Stat(digest); err != nil || found != want {
			t.Errorf("%s is there: %t, %v", digest, found, err)
		}
	}
	h.Advance(blob.Grace - time.Second)
	collect(0)
	if _, found, err := s.Claim(claimed); !found || err != nil {
		t.Fatalf("claim: %t, %v", found, err)
	}
	h.Advance(time.Minute)
	collect(1)
	there(used, true)
	there(claimed, true)
	there(loose, false)
	delete(want, used) // the package has another content from now on
	h.Advance(blob.Grace - 2*time.Minute)
	collect(0)
	there(used, true)
	h.Advance(time.Hour)
	collect(2)
	there(used, false)
	if parts, err := os.ReadDir(filepath.Join(dir, "partial")); err != nil || len(parts) != 1 || parts[0].Name() != wantedPart {
		t.Errorf("parts: %v, %v", parts, err)
	}
	if _, err := s.Collect(t.Context(), func(context.Context) (map[string]int64, error) { return nil, errors.New("no store") }); err == nil {
		t.Error("collected without knowing what packages refer to")
	}
}

// TestAClaimWinsOrMisses: of a claim and a collection at the same time the one that comes second knows of the first; nobody is
// told that a blob is there which then goes.
func TestAClaimWinsOrMisses(t *testing.T) {
	t.Parallel()
	h := clock.NewManual(time.Now())
	s, _ := open(t, blob.Config{Clock: h})
	nothing := func(context.Context) (map[string]int64, error) { return nil, nil }
	for i := range byte(50) {
		digest := put(t, s, bytesOf(i, 10))
		h.Advance(blob.Grace)
		var both sync.WaitGroup
		both.Go(func() {
			if _, err := s.Collect(t.Context(), nothing); err != nil {
				t.Error(err)
			}
		})
		_, found, err := s.Claim(digest)
		both.Wait()
		if _, still, _ := s.Stat(digest); err != nil || found != still {
			t.Fatalf("claimed %t, there %t, %v", found, still, err)
		}
	}
}
