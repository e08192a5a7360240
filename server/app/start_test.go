package app_test

import (
	"bytes"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/store/badger"
)

// refusesToStart launches p and wants it to end with exit code 1 and a message that holds all of these words.
func refusesToStart(t *testing.T, p *testkit.Process, words ...string) {
	t.Helper()
	from := len(p.Log())
	p.Launch()
	code := p.Exit()
	said := p.Log()[from:]
	if code != 1 {
		t.Errorf("exit code %d", code)
	}
	for _, w := range words {
		if !strings.Contains(said, w) {
			t.Errorf("the message does not name %q:\n%s", w, said)
		}
	}
	if strings.Contains(said, "panic") || strings.Contains(said, "goroutine ") {
		t.Errorf("it panicked:\n%s", said)
	}
}

// TestDamagedSessionsAreRefused flips one bit of a table of sessions: the store is read behind the first answers, but no server goes on
// with it (FLT-07). What the message advises helps.
func TestDamagedSessionsAreRefused(t *testing.T) {
	p := testkit.StartProcesses(t, program(t), "NYDC")[0]
	p.User("ann")
	app := p.Application("desk", "https://desk.example")
	for range 12 { // more than one block: Badger reads the last one of each table before it opens
		testkit.NewBrowser(t, &p.DataCenter).Open(app, "ann", testkit.Password)
	}
	p.Signal(syscall.SIGTERM)
	if code := p.Exit(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	sessions := filepath.Join(p.DataDir, "sessions")
	tables, err := filepath.Glob(filepath.Join(sessions, "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatalf("no tables: %v", err)
	}
	raw, err := os.ReadFile(tables[0])
	if err != nil {
		t.Fatal(err)
	}
	raw[10] ^= 1
	if err := os.WriteFile(tables[0], raw, 0o600); err != nil {
		t.Fatal(err)
	}
	refusesToStart(t, p, "sessions store is damaged", "Remove the folder sessions")
	remove(t, sessions)
	p.Start()
}

// TestDamagedStateIsRefused takes away or changes a file of a stopped data center, each in its turn: it says what is wrong
// and starts again when the file is back (FLT-07). What can be made good is.
func TestDamagedStateIsRefused(t *testing.T) {
	p := testkit.StartProcesses(t, program(t), "NYDC")[0]
	older := t.TempDir()
	p.Kill()
	if err := os.CopyFS(filepath.Join(older, "state"), os.DirFS(filepath.Join(p.DataDir, "state"))); err != nil {
		t.Fatal(err)
	}
	p.Start()
	for _, g := range []string{"a", "b", "c"} {
		p.Put("/v1/groups/"+g, wire.Group{Name: g})
	}
	want := p.View()
	p.Kill()
	for _, c := range []struct {
		name   string
		file   string
		damage func(t *testing.T, path string)
		words  []string
	}{
		{"no head record", "head", remove, []string{"head", "missing"}},
		{"head record of zeros", "head", zeros, []string{"head"}},
		{"no node key", "node.key", remove, []string{"node.key", "missing"}},
		{"another node key", "node.key", change, []string{"node key"}},
		{"node key cut off", "node.key", cut, []string{"node.key", "32"}},
		{"a state of yesterday", "state", func(t *testing.T, path string) {
			remove(t, path)
			if err := os.CopyFS(path, os.DirFS(filepath.Join(older, "state"))); err != nil {
				t.Fatal(err)
			}
		}, []string{"lost acknowledged changes", "sequence"}},
		{"no state", "state", remove, []string{"lost acknowledged changes"}},
		{"an empty token", "bootstrap.token", cut, []string{"bootstrap.token"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(p.DataDir, c.file)
			kept := filepath.Join(t.TempDir(), "kept")
			keep(t, path, kept)
			c.damage(t, path)
			refusesToStart(t, p, c.words...)
			remove(t, path)
			keep(t, kept, path)
		})
	}
	for at := range 2 { // one slot of the head record is enough
		rewrite(t, filepath.Join(p.DataDir, "head"), func(b []byte) []byte { b[at*len(b)/2+20] ^= 1; return b })
		p.Start()
		p.Put("/v1/groups/more", wire.Group{Name: "more"}) // mends the slot
		p.Delete("/v1/groups/more")
		want.LastSequence += 2
		p.Kill()
	}
	p.Start()
	if got := p.View(); got.Digest != want.Digest || got.LastSequence != want.LastSequence {
		t.Errorf("after all that %s at %d, it was %s at %d", got.Digest, got.LastSequence, want.Digest, want.LastSequence)
	}
	token := p.Token
	p.Kill()
	remove(t, filepath.Join(p.DataDir, "bootstrap.token"))
	p.Start()
	if p.Token == token {
		t.Error("the token that was removed is valid again")
	}
}

// TestLostAuthorityIsRefused: a data center whose store has no authority any more, while its root lies in ca.pem, does not make
// another one, which would be a stranger to every partner (FLT-07).
func TestLostAuthorityIsRefused(t *testing.T) {
	p := testkit.StartProcesses(t, program(t), "NYDC")[0]
	p.Kill()
	s, err := badger.Open(badger.Config{Dir: filepath.Join(p.DataDir, "state"), Mirror: &badger.MirrorConfig{Path: filepath.Join(p.DataDir, "head"), Key: journal.PositionKey()}})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Update(t.Context(), func(w store.Writer) error { return w.Delete([]byte("ca/authority")) })
	if err = errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	refusesToStart(t, p, "certificate authority", "ca.pem")
}

// TestFilesAreTheServersOwn: nobody else on the machine can read what the server keeps; the root is for everybody (SEC-71).
func TestFilesAreTheServersOwn(t *testing.T) {
	p := testkit.StartProcesses(t, program(t), "NYDC")[0]
	files := 0
	err := filepath.WalkDir(p.DataDir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // the store was tidying up
		}
		if err != nil {
			return err
		}
		files++
		if others := info.Mode().Perm() & 0o077; (others != 0) != (d.Name() == "ca.pem") {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return nil
	})
	if err != nil || files < 10 {
		t.Errorf("%d files, %v", files, err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

func rewrite(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, change(b), 0o600); err != nil {
		t.Fatal(err)
	}
}

func zeros(t *testing.T, path string) {
	t.Helper()
	rewrite(t, path, func(b []byte) []byte { return make([]byte, len(b)) })
}

func change(t *testing.T, path string) {
	t.Helper()
	rewrite(t, path, func(b []byte) []byte { b[0] ^= 1; return b })
}

func cut(t *testing.T, path string) {
	t.Helper()
	rewrite(t, path, func(b []byte) []byte { return b[:len(b)/4] })
}

// keep copies a file or a folder.
func keep(t *testing.T, from, to string) {
	t.Helper()
	info, err := os.Stat(from)
	if err != nil {
		t.Fatal(err)
	}
	if info.IsDir() {
		if err := os.CopyFS(to, os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
		return
	}
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, info.Mode()); err != nil {
		t.Fatal(err)
	}
}

// TestFaultsOfAStartAreAllNamed: a wrong configuration is refused with file and line, every fault in one run; a port that
// is in use and a data directory that is in use are named; nothing is left behind.
func TestFaultsOfAStartAreAllNamed(t *testing.T) {
	bin := program(t)
	t.Run("configuration", func(t *testing.T) {
		t.Parallel()
		p := testkit.NewProcess(t, bin, "NYDC")
		rewrite(t, p.ConfigFile, func(b []byte) []byte {
			b = bytes.Replace(b, []byte(`"NYDC"`), []byte(`"N Y"`), 1)
			return append(b, []byte("surplus = 1\nstore \"bolt\" {}\n")...)
		})
		refusesToStart(t, p, p.ConfigFile+":1,", "cluster_id", "surplus", "store")
		if _, err := os.Stat(p.DataDir); err == nil {
			t.Error("a refused configuration made a data directory")
		}
	})
	t.Run("port", func(t *testing.T) {
		t.Parallel()
		p := testkit.NewProcess(t, bin, "NYDC")
		taken, err := net.Listen("tcp", p.PeerAddress)
		if err != nil {
			t.Fatal(err)
		}
		refusesToStart(t, p, "peer listener", p.PeerAddress, "in use")
		if err := taken.Close(); err != nil {
			t.Fatal(err)
		}
		p.Start()
	})
	t.Run("data directory", func(t *testing.T) {
		t.Parallel()
		p := testkit.StartProcesses(t, bin, "NYDC")[0]
		second := testkit.NewProcess(t, bin, "NYDC")
		rewrite(t, second.ConfigFile, func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(second.DataDir), []byte(p.DataDir)) })
		refusesToStart(t, second, "another concord is running", p.DataDir)
		p.View()
	})
	t.Run("another's data directory", func(t *testing.T) {
		t.Parallel()
		p := testkit.StartProcesses(t, bin, "NYDC")[0]
		p.Kill()
		rewrite(t, p.ConfigFile, func(b []byte) []byte { return bytes.Replace(b, []byte(`"NYDC"`), []byte(`"LDC"`), 1) })
		refusesToStart(t, p, "NYDC", "LDC")
	})
}
