package blob_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/server/blob"
)

// net is the other data centers, as a test wants them.
type net struct {
	t       *testing.T
	mu      sync.Mutex // guards all below
	sources []string
	want    map[string]int64
	answer  func(source, digest string, from int64) (body io.Reader, start int64, err error)
	asked   []string // "source from"
	running int
	most    int // that ran at once
}

func (n *net) ask(_ context.Context, source, digest string, from int64) (io.ReadCloser, int64, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked = append(n.asked, fmt.Sprint(source, " ", from))
	body, start, err := n.answer(source, digest, from)
	if err != nil {
		return nil, 0, err
	}
	n.running++
	n.most = max(n.most, n.running)
	return &answered{body, n}, start, nil
}

type answered struct {
	io.Reader
	n *net
}

// Close ends an answer.
func (a *answered) Close() error {
	a.n.mu.Lock()
	defer a.n.mu.Unlock()
	a.n.running--
	return nil
}

func (n *net) set(change func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change()
}

// fetching runs a fetcher over a fresh store.
func (n *net) fetching(t *testing.T, prepare func(dir string)) (*blob.Store, *blob.Fetcher) {
	t.Helper()
	n.t = t
	s, dir := open(t, blob.Config{})
	if prepare != nil {
		prepare(dir)
	}
	f, err := blob.NewFetcher(blob.FetchConfig{Store: s, Ask: n.ask, Clock: clock.System{},
		Wanted: func(context.Context) (want map[string]int64, err error) {
			n.set(func() { want = maps.Clone(n.want) })
			return want, nil
		},
		Sources: func(context.Context) (ids []string, err error) {
			n.set(func() { ids = n.sources })
			return ids, nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() {
		if err := f.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		run.Wait()
	})
	return s, f
}

func absent(t *testing.T, f *blob.Fetcher) []blob.Absence {
	t.Helper()
	all, err := f.Absent(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatal(what + ": not in time")
		case <-tick.C:
		}
	}
}

// holding answers as a data center that has these blobs and understands ranges.
func holding(blobs ...[]byte) func(string, string, int64) (io.Reader, int64, error) {
	return func(_, digest string, from int64) (io.Reader, int64, error) {
		for _, b := range blobs {
			if digestOf(b) == digest {
				return bytes.NewReader(b[from:]), from, nil
			}
		}
		return nil, 0, errors.New("not here")
	}
}

// TestFetchVerifiesWhatArrives: whatever other data centers answer, what becomes a blob has the right bytes; what is wrong is
// dropped and another one asked (MSS-11, MSS-L1).
func TestFetchVerifiesWhatArrives(t *testing.T) {
	t.Parallel()
	b := bytesOf(1, 600_000)
	good := holding(b)
	part := func(content []byte) func(string) {
		return func(dir string) {
			if err := os.WriteFile(filepath.Join(dir, "partial", digestOf(b)), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, c := range map[string]struct {
		before func(dir string)
		answer func(source, digest string, from int64) (io.Reader, int64, error)
		asked  string // the first questions
	}{
		"at once":                  {nil, good, "A 0"},
		"from the second":          {nil, pick(good, nil), "A 0, B 0"},
		"goes on":                  {part(b[:400_000]), good, "A 400000"},
		"all is here":              {part(b), good, ""},
		"more than all is here":    {part(append(bytes.Clone(b), 0)), good, "A 0"},
		"a part of something else": {part(bytesOf(2, 400_000)), good, "A 400000, B 0"},
		"a source without ranges":  {part(b[:400_000]), func(_, _ string, _ int64) (io.Reader, int64, error) { return bytes.NewReader(b), 0, nil }, "A 400000"},
		"a source that skips":      {part(b[:400_000]), pick(good, func(_, _ string, n int64) (io.Reader, int64, error) { return bytes.NewReader(b[n+1:]), n + 1, nil }), "A 400000, B 400000"},
		"wrong bytes": {nil, pick(good, func(_, _ string, _ int64) (io.Reader, int64, error) {
			return bytes.NewReader(bytesOf(3, len(b))), 0, nil
		}), "A 0, B 0"},
		"breaks off, then the second": {nil, pick(good, func(_, _ string, n int64) (io.Reader, int64, error) { return bytes.NewReader(b[n:100_000]), n, nil }), "A 0, B 100000"},
		"endless":                     {nil, pick(good, func(_, _ string, _ int64) (io.Reader, int64, error) { return zeros{}, 0, nil }), "A 0, B 0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := &net{sources: []string{"A", "B"}, want: map[string]int64{digestOf(b): int64(len(b))}, answer: c.answer}
			s, f := n.fetching(t, c.before)
			eventually(t, "it is here", func() bool { return len(absent(t, f)) == 0 && has(s, digestOf(b)) })
			r, _, err := s.Open(digestOf(b), int64(len(b)))
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close() //nolint:errcheck // it is only read
			if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, b) {
				t.Errorf("%d other bytes, %v", len(got), err)
			}
			n.set(func() {
				if got := strings.Join(n.asked, ", "); got != c.asked {
					t.Errorf("asked %q, want %q", got, c.asked)
				}
			})
		})
	}
}

func has(s *blob.Store, digest string) bool {
	_, found, err := s.Stat(digest)
	return found && err == nil
}

// pick has the data center A answer badly, and every other one well.
func pick(good, bad func(string, string, int64) (io.Reader, int64, error)) func(string, string, int64) (io.Reader, int64, error) {
	return func(source, digest string, from int64) (io.Reader, int64, error) {
		switch {
		case source != "A":
			return good(source, digest, from)
		case bad == nil:
			return nil, 0, errors.New("unreachable")
		}
		return bad(source, digest, from)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// TestFetchesAreBounded: two at once, each blob once, however often somebody asks to look again; one that is not wanted any
// more is given up, and one that is wanted again begins anew.
func TestFetchesAreBounded(t *testing.T) {
	t.Parallel()
	n := &net{sources: []string{"A"}, want: map[string]int64{}}
	for i := range byte(6) {
		n.want[digestOf(bytesOf(i, 10))] = 10
	}
	open := make(chan struct{})
	n.answer = func(_, digest string, _ int64) (io.Reader, int64, error) {
		for i := range byte(6) {
			if b := bytesOf(i, 10); digestOf(b) == digest {
				return &gated{open, bytes.NewReader(b)}, 0, nil
			}
		}
		return nil, 0, errors.New("not here")
	}
	_, f := n.fetching(t, nil)
	eventually(t, "two are under way", func() bool {
		f.Retry()
		n.mu.Lock()
		defer n.mu.Unlock()
		return n.running == 2
	})
	for range 100 {
		f.Retry()
	}
	close(open)
	eventually(t, "all are here", func() bool { return len(absent(t, f)) == 0 })
	n.set(func() {
		if n.most != 2 || len(n.asked) != 6 {
			t.Errorf("%d at once, asked %d times", n.most, len(n.asked))
		}
	})
}

type gated struct {
	open chan struct{}
	r    io.Reader
}

func (g *gated) Read(b []byte) (int, error) {
	<-g.open
	return g.r.Read(b)
}

// TestAHostileArchiveIsRefusedAtTheCloneToo, whoever put it into the journal (SEC-66); and the reason can be read.
func TestAHostileArchiveIsRefusedAtTheCloneToo(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	if _, err := z.Create("../evil"); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	n := &net{sources: []string{"A"}, want: map[string]int64{digestOf(b.Bytes()): int64(b.Len())}, answer: holding(b.Bytes())}
	s, f := n.fetching(t, nil)
	eventually(t, "it is refused", func() bool { a := absent(t, f); return len(a) == 1 && strings.Contains(a[0].LastError, "../evil") })
	if has(s, digestOf(b.Bytes())) {
		t.Error("it was accepted")
	}
	n.set(func() { n.want = nil })
	f.Refresh()
	eventually(t, "nobody wants it any more", func() bool { return len(absent(t, f)) == 0 })
}

// TestWithoutASourceTheReasonIsSaid, and a source that turns up is asked at once.
func TestWithoutASourceTheReasonIsSaid(t *testing.T) {
	t.Parallel()
	b := bytesOf(1, 10)
	n := &net{want: map[string]int64{digestOf(b): 10}, answer: holding(b)}
	_, f := n.fetching(t, nil)
	eventually(t, "it says why", func() bool {
		a := absent(t, f)
		return len(a) == 1 && strings.Contains(a[0].LastError, "no enabled replication agreement")
	})
	n.set(func() { n.sources = []string{"A"} })
	f.Retry()
	eventually(t, "it is here", func() bool { return len(absent(t, f)) == 0 })
}

// drip gives a byte each 20 s until its question is given up.
type drip struct{ ctx context.Context }

// Read waits for the next byte.
func (d drip) Read(p []byte) (int, error) {
	select {
	case <-d.ctx.Done():
		return 0, d.ctx.Err()
	case <-time.After(20 * time.Second):
		return copy(p, "x"), nil
	}
}

// Close ends the answer.
func (d drip) Close() error { return nil }

// TestASourceThatDripsIsLeftForAnother: it does not keep a fetch busy, and with it the place of others (FLT-22, SEC-64).
func TestASourceThatDripsIsLeftForAnother(t *testing.T) {
	t.Parallel()
	b := bytesOf(1, 300_000)
	synctest.Test(t, func(t *testing.T) {
		s, _ := open(t, blob.Config{})
		began := time.Now()
		f, err := blob.NewFetcher(blob.FetchConfig{Store: s, Clock: clock.System{},
			Wanted: func(context.Context) (map[string]int64, error) {
				return map[string]int64{digestOf(b): int64(len(b))}, nil
			},
			Sources: func(context.Context) ([]string, error) { return []string{"drips", "gives"}, nil },
			Ask: func(ctx context.Context, source, _ string, from int64) (io.ReadCloser, int64, error) {
				if source == "drips" {
					return drip{ctx}, from, nil
				}
				return io.NopCloser(bytes.NewReader(b)), 0, nil
			}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() { _ = f.Run(ctx) }) // it gives nil
		limit := time.NewTimer(time.Minute)
		defer limit.Stop()
		<-limit.C
		synctest.Wait()
		if left := absent(t, f); len(left) > 0 || !has(s, digestOf(b)) {
			t.Errorf("after %v: %+v", time.Since(began), left)
		}
		cancel()
		run.Wait()
	})
}
