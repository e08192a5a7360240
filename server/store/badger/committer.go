package badger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	engine "github.com/dgraph-io/badger/v4"

	"github.com/concord-access/terraform-provider-concord/internal/failpoint"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/store/group"
	"github.com/concord-access/terraform-provider-concord/server/store/mirror"
)

// committer runs update functions and commits what they wrote, a group at a time. A group is what queued up while the one
// before it was being synced, and what comes soon of those who were answered with it: one caller alone never waits for others. All
// fields belong to its goroutine.
type committer struct {
	s       *Store
	overlay *overlay
	base    *snapshot // what the functions of the group read below the overlay

	batch   []*group.Request // taken from the queue; batch[:next] have had their turn
	next    int
	group   []*group.Request // whose functions ran and who wait for the commit
	ops     int              // of the group, also of functions that failed: it bounds the overlay
	bytes   int
	commits uint64 // so many groups were committed in the life of the store; counted with a mirror only
	gathering
	stopped chan struct{} // closed when the goroutine has ended
}

// commitsKey holds the number of commits in the database, for comparison with the one in the mirror's file. No room's keys
// start like this.
const commitsKey = "\x00commits"

// run works until the queue is closed and empty.
func (c *committer) run() {
	defer close(c.stopped)
	defer c.abandon()
	for range c.s.queue.Wake() {
		for c.fill() {
			c.commitGroup()
		}
		if _, closed := c.refill(); closed && c.next == len(c.batch) {
			return
		}
	}
}

// abandon answers everybody when the goroutine ends with requests open. That takes an update function that ends its
// goroutine (runtime.Goexit, as testing's FailNow does): nothing it leaves can be committed.
func (c *committer) abandon() {
	if c.next == len(c.batch) && len(c.group) == 0 {
		return
	}
	err := c.s.fail(errors.New("an update function ended the committer's goroutine"))
	c.s.queue.Close()
	open := append(c.group, c.batch[c.next:]...)
	rest, _ := c.s.queue.Take(nil)
	for _, r := range append(open, rest...) {
		r.Answer(err)
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

// fill runs functions until none waits or the group has reached half of a Badger transaction. One that would need more
// than what is left of the other half is run again as the first of the next group. False = nobody waits.
func (c *committer) fill() bool {
	c.overlay.reset()
	clear(c.group)
	c.group, c.ops, c.bytes = c.group[:0], 0, 0
	refusal := c.refusal()
	c.base = c.s.current.Load() // stays valid: only this goroutine replaces it
	for c.ops < c.s.limits.Ops/2 && c.bytes < c.s.limits.Bytes/2 {
		if more, _ := c.refill(); !more {
			if c.gathering.more(len(c.group), c.s.queue.Wake()) {
				continue
			}
			break
		}
		r := c.batch[c.next]
		c.next++
		if !r.Claim() {
			continue
		}
		c.group = append(c.group, r) // before its turn: it must be answered even if it ends this goroutine
		if r.Err = refusal; refusal == nil && !c.turn(r) {
			r.Again()
			c.group, c.next = c.group[:len(c.group)-1], c.next-1
			break
		}
	}
	return len(c.group) > 0
}

// refusal is why no update may run now; nil when they may.
func (c *committer) refusal() error {
	if e := c.s.broken.Load(); e != nil {
		return e
	}
	return c.s.space.check()
}

// turn runs one function and keeps or drops its writes. False = others of the group left it too little room.
func (c *committer) turn(r *group.Request) bool {
	c.overlay.begin()
	w := &writer{c: c}
	err := c.call(r.Fn, w)
	w.over = true
	if w.crowded {
		c.overlay.rollback()
		return false
	}
	c.ops += w.ops + 1
	c.bytes += w.bytes
	if err == nil {
		err = w.err
	}
	if r.Err = err; err != nil {
		c.overlay.rollback()
		return true
	}
	r.Events = c.overlay.events()
	return true
}

// call turns a panic of fn into its error.
func (c *committer) call(fn func(store.Writer) error, w *writer) (err error) {
	defer func() {
		if p := recover(); p != nil {
			c.s.cfg.Logger.Error("update function panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = fmt.Errorf("run update: panic: %v", p)
		}
	}()
	return fn(w)
}

// commitGroup makes the group durable, lets views and watches see it and answers its callers, in this order. When the
// commit fails, functions that failed by themselves get its error too: they may have failed because of what they saw of
// the others.
func (c *committer) commitGroup() {
	done := c.gathering.end(len(c.group))
	err := c.commit()
	done()
	for i, r := range c.group {
		if err != nil {
			r.Err = err
		}
		c.group[i] = nil // answered
		r.Answer(r.Err)
	}
	c.group = c.group[:0]
	c.point("commit.answered")
}

// commit writes the overlay. An overlay without writes needs nothing. What Badger has synced can be seen at once, before the
// mirror stands: a database that is ahead of its mirror is sound, so nobody who reads need wait for the second sync, and what
// is shipped elsewhere leaves while it runs. Only the writers wait for it.
func (c *committer) commit() error {
	if !c.overlay.dirty() {
		return nil
	}
	txn := c.s.db.NewTransaction(true)
	defer txn.Discard()
	for key, e := range c.overlay.entries {
		if err := stage(txn, key, e); err != nil {
			return fmt.Errorf("stage group: %w", err) // nothing is written yet
		}
	}
	commits := c.commits + 1
	if c.s.mirror != nil {
		if err := txn.Set([]byte(commitsKey), wrap(binary.BigEndian.AppendUint64(nil, commits), 0)); err != nil {
			return fmt.Errorf("stage group: %w", err)
		}
	}
	c.point("commit.before")
	if err := txn.Commit(); err != nil {
		return c.s.fail(fmt.Errorf("commit group: %w", err))
	}
	if err := c.s.log.sync(); err != nil {
		return c.s.fail(fmt.Errorf("commit group: %w", err))
	}
	c.commits = commits
	c.point("commit.done")
	c.s.publishSnapshot()
	c.s.changes.add(c.group)
	c.s.space.wrote(int64(c.bytes))
	c.point("commit.seen")
	if err := c.mirrorGroup(); err != nil {
		return c.s.fail(fmt.Errorf("mirror group: %w", err))
	}
	c.point("commit.mirrored")
	return nil
}

// point is a failpoint of the store that has a mirror: where nothing acknowledged may be lost.
func (c *committer) point(name string) {
	if c.s.mirror != nil {
		failpoint.Here(name)
	}
}

func stage(txn *engine.Txn, key string, e entry) error {
	switch e.kind {
	case put:
		return txn.SetEntry(&engine.Entry{Key: []byte(key), Value: e.raw, ExpiresAt: e.expires})
	case deleted:
		return txn.Delete([]byte(key))
	}
	return nil
}

// mirrorGroup writes the mirrored key's new value, if the group has one.
func (c *committer) mirrorGroup() error {
	if c.s.mirror == nil {
		return nil
	}
	if err := c.s.mirror.Count(c.commits); err != nil {
		return err
	}
	e := c.overlay.entries[string(c.s.cfg.Mirror.Key)]
	if e.kind == absent {
		return nil
	}
	content := mirror.Content{Present: e.kind == put}
	if content.Present {
		content.Value, _, _ = unwrap(e.raw)
	}
	return c.s.mirror.Write(content)
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
