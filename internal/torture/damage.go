package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// golden is a data center that was killed, with everything that its files should hold.
type golden struct {
	s      *stage
	p      *testkit.Process
	master *testkit.Process // whose clone p is; nil when it is the master itself
	l      *ledger
	kept   string // copy of the data directory as the kill left it
	older  string // copy of some changes before, after an orderly stop
	digest string
	keys   map[string]string
}

// damage does every kind of harm to every kind of file of a master's data directory. Each time the server refuses to start and
// says why, or has everything; it never is healthy with less (FLT-07). A run is one cell of the matrix; they take turns.
func damage(s *stage) {
	p := testkit.StartProcesses(s, s.program(), "NYDC")[0]
	newGolden(s, p, p).matrix()
}

// damageClone does the same to a clone, which may also heal itself from its master.
func damageClone(s *stage) {
	all := testkit.StartProcesses(s, s.program(), "NYDC", "LDC")
	testkit.Link(&all[0].DataCenter, &all[1].DataCenter)
	g := newGolden(s, all[1], all[0])
	g.master = all[0]
	g.matrix()
}

// matrix goes through the cells in random order until all runs are made.
func (g *golden) matrix() {
	cells, refused := g.cells(), 0
	for i := range g.s.runs {
		if i%len(cells) == 0 {
			rand.Shuffle(len(cells), func(i, j int) { cells[i], cells[j] = cells[j], cells[i] })
		}
		if c := cells[i%len(cells)]; g.attempt(c) {
			refused++
		}
	}
	g.s.Logf("%d times one of %d cells: refused %d, harmless or healed %d, silent %d", g.s.runs, len(cells), refused, g.s.runs-refused-g.s.count, g.s.count)
}

// cell is a kind of harm to a file of the data directory.
type cell struct {
	name string
	do   func()
}

func (g *golden) cells() (all []cell) {
	for _, file := range g.files() {
		for _, h := range harms() {
			all = append(all, cell{file + " " + h.name, func() { h.do(g.s, filepath.Join(g.p.DataDir, file), filepath.Join(g.older, file)) }})
		}
	}
	state := filepath.Join(g.p.DataDir, "state")
	all = append(all, cell{"state remove", func() { remove(g.s, state) }},
		cell{"state swap", func() { remove(g.s, state); duplicate(g.s, filepath.Join(g.older, "state"), state) }})
	for name, slots := range map[string][]int{"slot A": {0}, "slot B": {1}, "both slots": {0, 1}} {
		all = append(all, cell{"head " + name, func() { rewrite(g.s, filepath.Join(g.p.DataDir, "head"), flipSlots(slots)) }})
	}
	return all
}

// newGolden leaves all kinds of files behind: two tables at least, a log with changes that are in no table, ended sign-ons.
// Changes are made at master, which is p or the one that p follows.
func newGolden(s *stage, p, master *testkit.Process) *golden {
	g := &golden{s: s, p: p, l: newLedger(s), kept: filepath.Join(s.TempDir(), "kept"), older: filepath.Join(s.TempDir(), "older")}
	master.User("ann")
	app := master.Application("desk", "https://desk.example")
	for round := range 3 {
		replicates(s, g.l, master, p)
		g.signOut(app)
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
	g.l.check(&master.DataCenter)
	g.digest = p.View().Digest
	p.Kill()
	duplicate(s, p.DataDir, g.kept)
	g.keys = testkit.Census(s, p.DataDir)
	return g
}

// signOut ends ann's sign-ons, which is kept for every partner to hear of.
func (g *golden) signOut(app testkit.Application) {
	b := testkit.NewBrowser(g.s, &g.p.DataCenter)
	if v := b.Open(app.Through(&g.p.DataCenter), "ann", testkit.Password); v.User != "ann" {
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

// attempt puts the golden files in place, harms them, starts, and judges. True = the server refused, the second time too: a
// supervisor starts it again at once.
func (g *golden) attempt(c cell) (refused bool) {
	s := g.s
	s.Helper()
	remove(s, g.p.DataDir)
	duplicate(s, g.kept, g.p.DataDir)
	c.do()
	first := g.refuses(c)
	if first && g.refuses(c) {
		return true
	}
	before := s.broken.Load()
	if g.master == nil {
		g.whole(c)
	} else {
		g.equal(c)
	}
	if s.broken.Load() > before {
		s.Logf("%s: silent", c.name)
	}
	return false
}

// refuses starts the server and wants a clear reason when it ends.
func (g *golden) refuses(c cell) bool {
	s := g.s
	s.Helper()
	from := len(g.p.Log())
	if s.starts(g.p) {
		return false
	}
	said := g.p.Log()[from:]
	g.p.Kill()
	_, why, found := strings.Cut(said, "Error: ")
	if !found || strings.Contains(said, "goroutine ") || !strings.Contains(why, "state store") && !strings.Contains(why, "node key") && !strings.Contains(why, g.p.DataDir) {
		s.broke("%s: it ended without a clear reason:\n%s", c.name, clip(said))
	}
	return true
}

// whole wants everything that was in the golden files.
func (g *golden) whole(c cell) {
	s := g.s
	s.Helper()
	g.l.seen = 0
	g.l.check(&g.p.DataCenter)
	if v := g.p.View(); v.Digest != g.digest {
		s.broke("%s: it is healthy with another digest", c.name)
	}
	g.p.Kill()
	if lost := missing(g.keys, testkit.Census(s, g.p.DataDir)); len(lost) > 0 {
		s.broke("%s: it is healthy and lacks %d records, such as %q", c.name, len(lost), lost[0])
	}
}

// equal wants a clone to be what its master is, each computed from all objects, half a minute after the start at the latest.
func (g *golden) equal(c cell) {
	s := g.s
	s.Helper()
	defer g.p.Kill()
	var v wire.Verification
	var err error
	verify := client.Request{Method: http.MethodPost, Path: "/v1/replication/agreements/" + g.agreement() + "/verify", Out: &v}
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); s.let(100 * time.Millisecond) {
		if _, err = g.master.Do(verify); err == nil && v.Equal {
			g.l.objects(&g.p.DataCenter)
			return
		}
	}
	s.broke("%s: the clone is not equal to its master: %+v, %v", c.name, v, err)
}

func (g *golden) agreement() string {
	g.s.Helper()
	var page wire.Page[wire.AgreementView]
	g.master.Get("/v1/replication/agreements", &page)
	if len(page.Items) != 1 {
		g.s.Fatalf("%d agreements", len(page.Items))
	}
	return page.Items[0].ID
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

func clip(text string) string {
	if len(text) > 2000 {
		return fmt.Sprint(text[:2000], "…")
	}
	return text
}
