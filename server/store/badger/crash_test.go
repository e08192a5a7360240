//go:build unix

package badger_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/store/badger"
)

// The test binary runs itself as the process that crashes: these variables tell it so.
const (
	childDir  = "CONCORD_STORE_CHILD_DIR"
	childRole = "CONCORD_STORE_CHILD_ROLE"
	loopsVar  = "CONCORD_KILL_LOOPS" // more kills than the default, for long runs
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		os.Exit(runChild(dir, os.Getenv(childRole)))
	}
	os.Exit(m.Run())
}

const writers = 8

func crashConfig(dir string) badger.Config {
	return badger.Config{
		Dir:           filepath.Join(dir, "data"),
		MemTableBytes: 8 << 20,
		Mirror:        &badger.MirrorConfig{Path: filepath.Join(dir, "head"), Key: []byte("head")},
	}
}

// runChild writes pairs until it is killed, in the role "limited" until its files may not grow any more, in the role
// "full disk" until its disk is full, in the role "small disk" until it then has space again.
func runChild(dir, role string) int {
	cfg := crashConfig(dir)
	cfg.MinFree = 12 << 20
	s, err := badger.Open(cfg)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	size := 100
	if role != "" {
		size = 16 << 10
	}
	if role == "limited" {
		limitFiles()
	}
	var all sync.WaitGroup
	var out sync.Mutex
	for w := range writers {
		all.Go(func() { writePairs(s, &out, w, size) })
	}
	all.Wait()
	lastWords(s, role == "small disk")
	return 0
}

// limitFiles lets no file of this process grow over 1 MiB.
func limitFiles() {
	signal.Ignore(syscall.SIGXFSZ) // a write over the limit is then an error instead of the end
	limit := syscall.Rlimit{Cur: 1 << 20, Max: 1 << 20}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		fmt.Println(err)
	}
}

// lastWords says how the store answers once its writers were refused, for the parent to compare.
func lastWords(s *badger.Store, recovers bool) {
	ctx := context.Background()
	refused, ill := fault.CodeOf(s.Update(ctx, putting("late", "1"))), fault.CodeOf(s.Health())
	for tries := 0; (refused == "" || refused != ill) && tries < 1000; tries++ { // a compaction has just made space
		refused, ill = fault.CodeOf(s.Update(ctx, putting("late", strings.Repeat("1", 64<<10)))), fault.CodeOf(s.Health())
	}
	fmt.Println("ended", refused, ill)
	fmt.Println("read", fault.CodeOf(s.View(ctx, readBothWays)))
	for tries := 0; recovers && tries < 600; tries++ {
		if s.Update(ctx, putting("late", "1")) == nil {
			fmt.Println("recovered")
			break
		}
		<-time.After(50 * time.Millisecond) // the parent is making space
	}
	fmt.Println("closed", s.Close() == nil)
}

func readBothWays(r store.Reader) error {
	_, err := r.Get([]byte("head"))
	ranged := r.Range(store.Span{}, func(_, _ []byte) error { return nil })
	if (err == nil) != (ranged == nil) {
		return errors.New("get and range disagree")
	}
	return err
}

// writePairs commits a/<writer>/<i>, b/<writer>/<i> and the number of pairs in head, and reports each that is acknowledged.
func writePairs(s *badger.Store, out *sync.Mutex, writer, size int) {
	start, head := 0, 0
	_ = s.View(context.Background(), func(r store.Reader) error {
		return r.Range(store.Span{Prefix: fmt.Appendf(nil, "a/%d/", writer)}, func(_, _ []byte) error { start++; return nil })
	})
	for i := start; ; i++ {
		err := s.Update(context.Background(), func(w store.Writer) error {
			old, err := w.Get([]byte("head"))
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
			head, _ = strconv.Atoi(string(old))
			head++
			id := fmt.Sprintf("%d/%06d", writer, i)
			value := noise(size)
			return errors.Join(putting("a/"+id, value)(w), putting("b/"+id, value)(w), putting("head", strconv.Itoa(head))(w))
		})
		if err != nil {
			return
		}
		out.Lock()
		fmt.Println("ok", writer, i, head)
		out.Unlock()
	}
}

// noise does not compress, so that Badger's tables are as large as its logs.
func noise(size int) string {
	raw := make([]byte, size)
	_, _ = rand.Read(raw)
	return string(raw)
}

// report is what the child said before its end.
type report struct {
	last [writers]int // acknowledged by each writer; -1 = none
	head int          // the greatest acknowledged
	acks int
	rest []string

	onWord func(text string) // what else it says, when it says it
}

func newReport() *report {
	r := &report{}
	for w := range r.last {
		r.last[w] = -1
	}
	return r
}

func (r *report) line(text string) {
	var w, i, head int
	if n, _ := fmt.Sscanf(text, "ok %d %d %d", &w, &i, &head); n != 3 {
		r.rest = append(r.rest, text)
		if r.onWord != nil {
			r.onWord(text)
		}
		return
	}
	r.acks++
	r.last[w], r.head = max(r.last[w], i), max(r.head, head)
}

// crash starts the child and kills it after so many acknowledgements; 0 = let it end by itself.
func crash(t *testing.T, dir, role string, after int, r *report) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childDir+"="+dir, childRole+"="+role)
	child.Stderr = os.Stderr
	pipe, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	r.acks = 0
	lines := bufio.NewReader(pipe)
	for {
		text, err := lines.ReadString('\n')
		if err != nil { // also for a line cut short by the kill: it says nothing
			break
		}
		if r.line(strings.TrimSpace(text)); r.acks == after {
			_ = child.Process.Kill() // SIGKILL
		}
	}
	_, _ = io.Copy(io.Discard, pipe)
	_ = child.Wait()
	if after > 0 && r.acks < after {
		t.Fatalf("the child ended by itself after %d acknowledgements: %v", r.acks, r.rest)
	}
}

// TestKill proves FLT-01: killed again and again under concurrent writers, the store loses nothing that it acknowledged,
// never shows half a transaction, and its mirror is neither ahead of the database nor behind what was acknowledged.
func TestKill(t *testing.T) {
	loops := 8
	if n, err := strconv.Atoi(os.Getenv(loopsVar)); err == nil {
		loops = n
	}
	dir := t.TempDir()
	r := newReport()
	for loop := range loops {
		crash(t, dir, "", 1+loop*977%1500, r)
		checkPairs(t, dir, r)
		if t.Failed() {
			t.Fatalf("after kill %d", loop+1)
		}
	}
}

// TestFileSizeLimit proves FLT-05 and FLT-06 with a real failing commit: Badger cannot make its next log, the store stops
// with a clear error, reads too (Badger has lost its memory by then), closing is bounded although Badger cannot flush, and
// after a restart all that was acknowledged is there.
func TestFileSizeLimit(t *testing.T) {
	dir := t.TempDir()
	r := newReport()
	crash(t, dir, "limited", 0, r)
	want := []string{"ended storage_failed storage_failed", "read storage_failed", "closed false"}
	if diff := cmp.Diff(want, r.rest); diff != "" {
		t.Errorf("the child's last words (-want +got):\n%s", diff)
	}
	if r.acks == 0 {
		t.Error("nothing was acknowledged before the limit")
	}
	checkPairs(t, dir, r)
}

// checkPairs opens what the child left.
func checkPairs(t *testing.T, dir string, r *report) {
	t.Helper()
	s, err := badger.Open(crashConfig(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	left, right := keysUnder(t, s, "a/"), keysUnder(t, s, "b/")
	for w, last := range r.last {
		for i := 0; i <= last; i++ {
			if !left[fmt.Sprintf("%d/%06d", w, i)] {
				t.Errorf("acknowledged %d/%06d is lost", w, i)
			}
		}
	}
	for id := range left {
		if !right[id] {
			t.Errorf("half a transaction: a/%s without b", id)
		}
	}
	text, _ := get(t, s, "head")
	head, _ := strconv.Atoi(text)
	if len(left) != len(right) || head != len(left) {
		t.Errorf("%d and %d of the pairs, head %d; want all equal", len(left), len(right), head)
	}
	raw, _ := s.Mirrored()
	if mirrored, _ := strconv.Atoi(string(raw)); mirrored > head || mirrored < r.head {
		t.Errorf("mirror = %d; want within the acknowledged %d and the database's %d", mirrored, r.head, head)
	}
}

func keysUnder(t *testing.T, s *badger.Store, prefix string) map[string]bool {
	t.Helper()
	ids := map[string]bool{}
	err := s.View(t.Context(), func(r store.Reader) error {
		return r.Range(store.Span{Prefix: []byte(prefix)}, func(key, _ []byte) error {
			ids[strings.TrimPrefix(string(key), prefix)] = true
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}
