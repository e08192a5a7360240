package etcd

import (
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/store/group"
)

// Bounds of one transaction. etcd takes requests up to 1.5 MiB; each write costs its prefix and up to 48 bytes on top.
const (
	maxOps   = 4000
	maxBytes = 1<<20 + 4<<10
)

// unit is what one commit holds: the functions that ran, and what they wrote together.
type unit struct {
	members []*group.Request
	writes  map[string]entry   // what stands after all of them
	single  []map[string]entry // of each that wrote something
	ops     int
	bytes   int
	failed  error // a read that etcd did not answer: nothing the group made of it counts
}

// committer runs update functions and commits what they wrote, a group at a time. A group is what queued up while the one
// before it was being committed. All fields belong to its goroutine.
type committer struct {
	s       *Store
	leases  leases
	waiting []*group.Request // taken from the queue, still to be run
	snap    snapshot         // what the next group reads
	known   bool             // whether snap can be used: nobody else's commit is known
	holds   clientv3.LeaseID // of the key that makes it this node's turn; 0 = it is not
	hurried time.Time        // until when no turn of others is waited for
	current *unit
	stopped chan struct{} // closed when the goroutine has ended
}

// run works until the queue is closed and empty.
func (c *committer) run() {
	defer close(c.stopped)
	defer c.abandon()
	for range c.s.queue.Wake() {
		for {
			taken, closed := c.s.queue.Take(nil)
			c.waiting = append(c.waiting, taken...)
			if len(c.waiting) == 0 {
				if closed {
					return
				}
				break
			}
			c.work()
		}
	}
}

// abandon answers everybody when the goroutine ends with requests open. That takes an update function that ends its
// goroutine (runtime.Goexit, as testing's FailNow does).
func (c *committer) abandon() {
	claimed := c.claimAll()
	if c.current != nil {
		claimed = append(claimed, c.current.members...)
	}
	if len(claimed) == 0 {
		return
	}
	c.s.queue.Close()
	err := fault.New(fault.Unavailable, CodeUnknown, "An update function ended the committer's goroutine. Restart the server.")
	c.s.broken.Store(err)
	c.waiting, _ = c.s.queue.Take(nil)
	for _, r := range append(claimed, c.claimAll()...) {
		r.Answer(err)
	}
}

// work makes one group of what waits, and answers it. It goes on for as long as a call may take while other nodes commit first.
func (c *committer) work() {
	defer c.giveTurn()
	begin := time.Now()
	for round := 0; ; round++ {
		if err := c.refresh(); err != nil {
			c.answer(&unit{members: c.claimAll()}, err)
			return
		}
		g := c.fill()
		err := c.commit(g)
		switch {
		case err == nil || !c.repeats(err):
			c.answer(g, err)
			return
		case time.Since(begin) > c.s.cfg.RequestTimeout:
			c.answer(g, contended())
			return
		}
		for _, r := range g.members {
			r.Again()
		}
		c.waiting, c.current = append(g.members, c.waiting...), nil
		c.rest(round, err)
	}
}

// rest waits before the next round, as others were first. After some rounds it asks for a turn.
func (c *committer) rest(round int, err error) {
	switch {
	case !errors.Is(err, errConflict):
	case round < patientRounds:
		wait(c.s.life, jitter(time.Millisecond<<round))
		c.known = false // what it would build on may have been built on meanwhile
	default:
		c.takeTurn()
	}
}

var errConflict = errors.New("commit group: another node committed first")

// repeats says whether a failed commit is worth another round, on a newer snapshot.
func (c *committer) repeats(err error) bool {
	switch {
	case errors.Is(err, errConflict):
		return true
	case natureOf(err) == compacted:
		c.known = false
		return true
	case natureOf(err) == unleased:
		c.leases.forget()
		return true
	}
	return false
}

func (c *committer) answer(g *unit, err error) {
	c.current = nil
	for _, r := range g.members {
		if err != nil {
			r.Err = err
		}
		r.Answer(r.Err)
	}
}

// claimAll takes everybody who waits: nobody can be served.
func (c *committer) claimAll() (claimed []*group.Request) {
	for _, r := range c.waiting {
		if r.Claim() {
			claimed = append(claimed, r)
		}
	}
	c.waiting = nil
	return claimed
}

// refresh gives the committer a snapshot that it can use.
func (c *committer) refresh() error {
	if c.known {
		return nil
	}
	snap, err := c.s.snapshotNow(c.s.life)
	if err != nil {
		return err
	}
	c.snap, c.known = snap, true
	c.s.cache.follow(snap.guard.revision)
	return nil
}

// fill runs functions until none waits or the group has reached half of the bounds. One that would need more than what is
// left of the other half is run again as the first of the next group.
func (c *committer) fill() *unit {
	g := &unit{writes: map[string]entry{}}
	c.current = g
	for len(c.waiting) > 0 && g.failed == nil && g.ops < maxOps/2 && g.bytes < maxBytes/2 {
		r := c.waiting[0]
		c.waiting = c.waiting[1:]
		if r.Claim() && !c.turn(g, r) {
			r.Again()
			g.members = g.members[:len(g.members)-1]
			c.waiting = append([]*group.Request{r}, c.waiting...)
			break
		}
	}
	return g
}

// turn runs one function and keeps or drops its writes. False = others of the group left it too little room.
func (c *committer) turn(g *unit, r *group.Request) bool {
	g.members = append(g.members, r)
	w := &writer{s: c.s, ctx: c.s.life, snap: c.snap, group: g, mine: map[string]entry{}}
	err := c.run1(r.Fn, w)
	w.over = true
	if w.crowded {
		return false
	}
	g.ops += w.ops + 1
	g.bytes += w.bytes
	if err == nil {
		err = w.err
	}
	g.failed = w.failed
	if r.Err = err; err == nil {
		maps.Copy(g.writes, w.mine)
		if len(w.mine) > 0 {
			g.single = append(g.single, w.mine)
		}
	}
	return true
}

// run1 turns a panic of fn into its error.
func (c *committer) run1(fn func(store.Writer) error, w *writer) (err error) {
	defer func() {
		if p := recover(); p != nil {
			c.s.cfg.Logger.Error("update function panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = fmt.Errorf("run update: panic: %v", p)
		}
	}()
	return fn(w)
}

// newCommit names a commit.
func newCommit() (id commitID) {
	_, _ = rand.Read(id[:]) // never fails
	return id
}

// condition is that nobody committed since the snapshot; of a commit that writes also that it is nobody else's turn.
func (c *committer) condition(writes bool) []clientv3.Cmp {
	all := []clientv3.Cmp{clientv3.Compare(clientv3.ModRevision(c.s.guardKey), "=", c.snap.guard.revision)}
	if writes && c.holds == 0 {
		all = append(all, clientv3.Compare(clientv3.CreateRevision(c.s.turnKey), "=", 0))
	}
	return all
}

// mayHold is how many bytes the group may come to. One of several transactions also writes a record of them, which is as
// long at most as what they write.
func (g *unit) mayHold() int {
	if g.ops > 0 {
		return maxBytes / 2
	}
	return maxBytes
}
