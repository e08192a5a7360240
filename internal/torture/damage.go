package main

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
)

// golden is a data center that was killed, with everything that its files should hold.
type golden struct {
	s      *stage
	p      *testkit.Process
	l      *ledger
	kept   string // copy of the data directory as the kill left it
	older  string // copy of some changes before, after an orderly stop
	digest string
	keys   map[string]string
}

// damage does every kind of harm to every kind of file of a data directory. Each time the server refuses to start and says
// why, or has everything; it never is healthy with less (FLT-07).
func damage(s *stage) {
	g := newGolden(s)
	cells, refused := 0, 0
	for range s.runs {
		for _, file := range g.files() {
			for _, h := range harms() {
				cells++
				if g.cell(file, h) {
					refused++
				}
			}
		}
		for _, c := range headCells() {
			cells++
			if g.attempt("head "+c.name, func() { c.do(s, filepath.Join(g.p.DataDir, "head")) }) {
				refused++
			}
		}
	}
	s.Logf("%d cells: refused %d, harmless %d, silent %d", cells, refused, cells-refused-s.count, s.count)
}

// newGolden leaves all kinds of files behind: two tables at least, a log with changes that are in no table, ended sign-ons.
func newGolden(s *stage) *golden {
	p := testkit.StartProcesses(s, s.program(), "NYDC")[0]
	g := &golden{s: s, p: p, l: newLedger(s), kept: filepath.Join(s.TempDir(), "kept"), older: filepath.Join(s.TempDir(), "older")}
	p.User("ann")
	for round := range 3 {
		stop := g.l.write(&p.DataCenter, 4, true)
		until := g.l.total.Load() + 60
		p.Within(testkit.Limit, "changes are acknowledged", func() bool { return g.l.total.Load() >= until })
		stop()
		g.signOut()
		if round == 2 {
			break
		}
		p.Signal(syscall.SIGTERM)
		if code := p.Exit(); code != 0 {
			s.Fatalf("exit code %d", code)
		}
		if round == 1 {
			duplicate(s, p.DataDir, g.older)
		}
		p.Start()
	}
	g.l.check(&p.DataCenter)
	g.digest = p.View().Digest
	p.Kill()
	duplicate(s, p.DataDir, g.kept)
	g.keys = testkit.Census(s, p.DataDir)
	return g
}

// signOut ends ann's sign-ons, which is kept for every partner to hear of.
func (g *golden) signOut() {
	g.p.User("ann")
	admin := g.p.Application("desk", "https://desk.example")
	b := testkit.NewBrowser(g.s, &g.p.DataCenter)
	if v := b.Open(admin, "ann", testkit.Password); v.User != "ann" {
		g.s.Fatalf("ann cannot sign in: %+v", v)
	}
	for _, one := range g.p.Sessions("ann") {
		g.p.Delete(client.Path("v1", "sessions", one.ID))
	}
}

// files names one file of each kind, relative to the data directory; of tables and logs the oldest and the newest.
func (g *golden) files() []string {
	var all []string
	for _, pattern := range []string{"MANIFEST", "KEYREGISTRY", "DISCARD", "*.sst", "*.mem", "*.vlog"} {
		found, err := filepath.Glob(filepath.Join(g.kept, "state", pattern))
		if err != nil {
			g.s.Fatal(err)
		}
		slices.Sort(found)
		for i, path := range found {
			if i == 0 || i == len(found)-1 {
				all = append(all, filepath.Join("state", filepath.Base(path)))
			}
		}
	}
	return append(all, "head", "node.key")
}

// harm is something that happens to a file.
type harm struct {
	name string
	do   func(s *stage, path, older string)
}

func harms() []harm {
	return []harm{
		{"flip", func(s *stage, path, _ string) { rewrite(s, path, flip) }},
		{"zero", func(s *stage, path, _ string) { rewrite(s, path, zero) }},
		{"truncate", func(s *stage, path, _ string) { rewrite(s, path, cut) }},
		{"empty", func(s *stage, path, _ string) { rewrite(s, path, func([]byte) []byte { return nil }) }},
		{"remove", func(s *stage, path, _ string) { remove(s, path) }},
		{"swap", func(s *stage, path, older string) {
			b, err := os.ReadFile(older)
			if os.IsNotExist(err) {
				return // the older copy has no such file
			}
			if err != nil {
				s.Fatal(err)
			}
			rewrite(s, path, func([]byte) []byte { return b })
		}},
	}
}

// flip turns one bit, somewhere in what is used of the file.
func flip(b []byte) []byte {
	if n := used(b); n > 0 {
		b[rand.IntN(n)] ^= 1 << rand.IntN(8)
	}
	return b
}

// zero clears up to 512 bytes in a row.
func zero(b []byte) []byte {
	if n := used(b); n > 0 {
		at := rand.IntN(n)
		clear(b[at:min(n, at+512)])
	}
	return b
}

// cut leaves a part of what is used.
func cut(b []byte) []byte {
	if n := used(b); n > 0 {
		return b[:rand.IntN(n)]
	}
	return b
}

// used is the length without the zeros at the end: logs are made long and filled later.
func used(b []byte) int {
	n := len(b)
	for n > 0 && b[n-1] == 0 {
		n--
	}
	return n
}

func (g *golden) cell(file string, h harm) (refused bool) {
	return g.attempt(file+" "+h.name, func() {
		h.do(g.s, filepath.Join(g.p.DataDir, file), filepath.Join(g.older, file))
	})
}

// attempt puts the golden files in place, harms them, starts, and judges. True = the server refused.
func (g *golden) attempt(name string, do func()) (refused bool) {
	s := g.s
	s.Helper()
	remove(s, g.p.DataDir)
	duplicate(s, g.kept, g.p.DataDir)
	do()
	from := len(g.p.Log())
	if !s.starts(g.p) {
		said := g.p.Log()[from:]
		g.p.Kill()
		if strings.Contains(said, "goroutine ") || strings.Contains(said, "SIGBUS") || !strings.Contains(said, "Error:") {
			s.broke("%s: it ended without a reason:\n%s", name, clip(said))
		}
		return true
	}
	before := s.broken.Load()
	g.l.seen = 0
	g.l.check(&g.p.DataCenter)
	if v := g.p.View(); v.Digest != g.digest {
		s.broke("%s: it is healthy with another digest", name)
	}
	g.p.Kill()
	if lost := missing(g.keys, testkit.Census(s, g.p.DataDir)); len(lost) > 0 {
		s.broke("%s: it is healthy and lacks %d records, such as %q", name, len(lost), lost[0])
	}
	if s.broken.Load() > before {
		s.Logf("%s: silent", name)
	}
	return false
}

// missing gives the lasting records of want that has lacks or holds otherwise: audit, objects, journal, ended sign-ons.
func missing(want, has map[string]string) (lost []string) {
	for key, sum := range want {
		for _, lasting := range []string{"a/e/", "c/g/", "c/j/", "r/l/"} {
			if strings.HasPrefix(key, lasting) && has[key] != sum {
				lost = append(lost, key)
			}
		}
	}
	slices.Sort(lost)
	return lost
}

// headCell is harm to the head record, whose slots lie 8 KiB apart.
type headCell struct {
	name string
	do   func(s *stage, path string)
}

func headCells() []headCell {
	slots := func(which ...int) func(*stage, string) {
		return func(s *stage, path string) {
			rewrite(s, path, func(b []byte) []byte {
				for _, i := range which {
					b[i*8<<10+rand.IntN(100)] ^= 0x10
				}
				return b
			})
		}
	}
	return []headCell{{"slot A", slots(0)}, {"slot B", slots(1)}, {"both slots", slots(0, 1)}}
}

func rewrite(s *stage, path string, change func([]byte) []byte) {
	s.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		s.Fatal(err)
	}
	if err := os.WriteFile(path, change(b), 0o600); err != nil {
		s.Fatal(err)
	}
}

func remove(s *stage, path string) {
	s.Helper()
	if err := os.RemoveAll(path); err != nil {
		s.Fatal(err)
	}
}

// duplicate copies a directory with its modes and leaves holes as holes.
func duplicate(s *stage, from, to string) {
	s.Helper()
	if err := os.MkdirAll(to, fs.ModePerm&0o700); err != nil {
		s.Fatal(err)
	}
	must(s, "cp", "-a", "--sparse=always", from+"/.", to)
}

func clip(text string) string {
	if len(text) > 2000 {
		return fmt.Sprint(text[:2000], "…")
	}
	return text
}
