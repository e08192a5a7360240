package badger

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/store/group"
)

// committer runs update functions and commits what they wrote, a group at a time. A group is what queued up while the one
// before it was being made durable, and what comes soon of those who were answered with it: one caller alone never waits for others.
//
// Two workers do so in turns. While one has the turn, that is, writes its group, syncs it and answers, the other runs the functions
// of the next group, which see what the first one is about to write. Nothing of a group is written before the one before it is on the
// disk, so the database never has a later group without the earlier one.
type committer struct {
	s    *Store
	turn chan struct{} // capacity 1: holds one thing, which the worker takes out that commits

	preparing chan struct{}    // capacity 1: who has put something in has the fields that follow; the next group's worker, until it has the turn
	batch     []*group.Request // taken from the queue; batch[:next] have had their turn
	next      int
	making    *assembly
	spare     *assembly
	version   uint64 // of the last group with writes
	commits   uint64 // so many groups were committed in the life of the store, counted with a mirror only

	mu    sync.Mutex // guards ahead, and keeps it in step with the published snapshot
	ahead *overlay   // of the group that is being made durable; nil = all that was written is published

	mostAhead time.Duration // maxAhead
	since     atomic.Int64  // when the commit began that is under way, in nanoseconds since epoch; 0 = none is

	gathering               // of the worker that has the turn, as is the next
	sync      func() error  // makes what was committed durable
	stopped   chan struct{} // closed when both workers have ended
}

// commitsKey holds the number of commits in the database, for comparison with the one in the mirror's file. No room's keys
// start like this.
const commitsKey = "\x00commits"

func newCommitter(s *Store) *committer {
	c := &committer{s: s, turn: make(chan struct{}, 1), preparing: make(chan struct{}, 1), making: newAssembly(s), spare: newAssembly(s), stopped: make(chan struct{}), mostAhead: maxAhead}
	c.turn <- struct{}{}
	if s.cfg.Mirror == nil {
		c.gathering.share = 2
	}
	return c
}

// run works until the queue is closed and empty.
func (c *committer) run() {
	var workers sync.WaitGroup
	for range 2 {
		workers.Add(1)
		go func() {
			defer workers.Done() // also after a function that ends its goroutine
			for g := c.prepare(); g != nil; g = c.prepare() {
				c.finish(g)
			}
		}()
	}
	workers.Wait()
	close(c.stopped)
}

// prepare gives the next group when it is its turn to be committed; nil when the queue is closed and empty.
func (c *committer) prepare() (g *assembly) {
	c.preparing <- struct{}{} // no mutex: under testing/synctest a worker that waits for one would hold the time
	defer func() { <-c.preparing }()
	ended := true
	defer func() {
		if ended {
			c.abandon()
		}
	}()
	if c.await() {
		g = c.making
		c.fill(g)
		c.stage(g)
		if !g.turn {
			<-c.turn
		}
		c.mu.Lock()
		if g.txn != nil {
			c.ahead = g.overlay
		}
		c.mu.Unlock()
		c.making, c.spare = c.spare, g
	}
	ended = false
	return g
}

// abandon answers everybody when a worker's goroutine ends with requests open. That takes an update function that ends its
// goroutine (runtime.Goexit, as testing's FailNow does): nothing it leaves can be committed. The other worker answers for its own group.
func (c *committer) abandon() {
	err := c.s.fail(errors.New("an update function ended the committer's goroutine"))
	c.s.queue.Close()
	g := c.making
	rest, _ := c.s.queue.Take(nil)
	for _, r := range slices.Concat(g.requests, c.batch[c.next:], rest) {
		r.Answer(err)
	}
	c.batch, c.next = nil, 0
	if g.turn {
		c.turn <- struct{}{}
	}
}

// await waits for a request; false = there will be none.
func (c *committer) await() bool {
	for {
		more, closed := c.refill()
		if more || closed {
			return more
		}
		<-c.s.queue.Wake()
	}
}

// refill takes what has queued up once the last batch is used up.
func (c *committer) refill() (more, closed bool) {
	if c.next < len(c.batch) {
		return true, false
	}
	clear(c.batch)
	c.batch, closed = c.s.queue.Take(c.batch)
	c.next = 0
	return len(c.batch) > 0, closed
}

// fill runs functions until none waits and the group before is durable, or the group has reached half of a Badger transaction. One that
// would need more than what is left of the other half is run again as the first of the next group.
func (c *committer) fill(g *assembly) {
	c.begin(g)
	defer g.base.release()
	refusal := c.refusal()
	for g.ops < c.s.limits.Ops/2 && g.bytes < c.s.limits.Bytes/2 {
		if more, _ := c.refill(); !more {
			if c.more(g) {
				continue
			}
			break
		}
		c.hold(g)
		r := c.batch[c.next]
		c.next++
		if !r.Claim() {
			continue
		}
		g.requests = append(g.requests, r) // before its turn: it must be answered even if it ends this goroutine
		if r.Err = refusal; refusal == nil && !g.run(r) {
			r.Again()
			g.requests, c.next = g.requests[:len(g.requests)-1], c.next-1
			break
		}
	}
}

// begin starts a group above what is published and what is about to be.
func (c *committer) begin(g *assembly) {
	g.reset()
	c.mu.Lock()
	defer c.mu.Unlock()
	g.overlay.below, g.base = c.ahead, c.s.current.Load()
	g.base.retain() // it is the store's until another is published, under mu
}

// maxAhead is how long functions are run while a commit is under way. Who is claimed can no longer leave, so on a disk that hangs the
// others stay unclaimed.
const maxAhead = 50 * time.Millisecond

// epoch is what the committer counts its time from.
var epoch = time.Now()

// hold waits for the turn where the group before takes long.
func (c *committer) hold(g *assembly) {
	if since := c.since.Load(); !g.turn && since != 0 && time.Since(epoch)-time.Duration(since) > c.mostAhead {
		<-c.turn
		g.turn = true
	}
}

// more waits for another caller, and says whether one came. Until the group before is durable that costs nobody anything.
func (c *committer) more(g *assembly) bool {
	if !g.turn {
		select {
		case <-c.s.queue.Wake():
			return true
		case <-c.turn:
			g.turn = true
		}
	}
	return c.gathering.more(len(g.requests), c.s.queue.Wake())
}

// refusal is why no update may run now; nil when they may.
func (c *committer) refusal() error {
	if e := c.s.broken.Load(); e != nil {
		return e
	}
	return c.s.space.check()
}

// clockNow is the clock's time, but never before what a read has seen: a key put with a time to live after the clock was
// set back would else be born expired.
func (s *Store) clockNow() time.Time {
	t, seen := s.cfg.Clock.Now(), s.latest.Load()
	if t.Unix() < seen {
		return time.Unix(seen, 0)
	}
	return t
}
