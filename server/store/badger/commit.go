package badger

import (
	"encoding/binary"
	"fmt"
	"time"

	engine "github.com/dgraph-io/badger/v4"

	"github.com/concord-access/terraform-provider-concord/internal/failpoint"
	"github.com/concord-access/terraform-provider-concord/server/store/mirror"
)

// stage makes the transaction of a group. A group without writes needs none.
func (c *committer) stage(g *assembly) {
	if !g.overlay.dirty() {
		return
	}
	g.version = c.version + 1
	txn := c.s.db.NewTransactionAt(c.version, true)
	if g.err = c.write(txn, g); g.err != nil {
		g.err = fmt.Errorf("stage group: %w", g.err) // nothing is written yet
		txn.Discard()
		return
	}
	g.txn, c.version = txn, g.version
}

func (c *committer) write(txn *engine.Txn, g *assembly) error {
	for key, e := range g.overlay.entries {
		if err := stageOne(txn, key, e); err != nil {
			return err
		}
	}
	if c.s.mirror == nil {
		return nil
	}
	g.commits = c.commits + 1
	if err := txn.Set([]byte(commitsKey), wrap(binary.BigEndian.AppendUint64(nil, g.commits), 0)); err != nil {
		return err
	}
	c.commits = g.commits
	return nil
}

func stageOne(txn *engine.Txn, key string, e entry) error {
	switch e.kind {
	case put:
		return txn.SetEntry(&engine.Entry{Key: []byte(key), Value: e.raw, ExpiresAt: e.expires})
	case deleted:
		return txn.Delete([]byte(key))
	}
	return nil
}

// finish makes the group durable, lets views and watches see it, answers its callers, in this order, and gives the turn away.
func (c *committer) finish(g *assembly) {
	if len(g.requests) > 0 { // else all had left
		done := c.gathering.end(len(g.requests))
		c.since.Store(int64(time.Since(epoch)))
		err := c.commit(g)
		c.since.Store(0)
		done()
		g.answer(err)
		c.point("commit.answered")
	}
	c.turn <- struct{}{}
}

// commit writes a group and publishes it. What Badger has synced can be seen at once, before the
// mirror stands: a database that is ahead of its mirror is sound, so nobody who reads need wait for the second sync, and what
// is shipped elsewhere leaves while it runs. Only the writers wait for it. After a group that failed none is committed, even one without
// writes: its functions may have seen what was never made durable.
func (c *committer) commit(g *assembly) error {
	if g.txn != nil {
		defer g.txn.Discard()
	}
	if e := c.s.broken.Load(); e != nil {
		return e
	}
	if g.err != nil || g.txn == nil {
		return g.err
	}
	c.point("commit.before")
	if err := g.txn.CommitAt(g.version, nil); err != nil {
		return c.s.fail(fmt.Errorf("commit group: %w", err))
	}
	if err := c.sync(); err != nil {
		return c.s.fail(fmt.Errorf("commit group: %w", err))
	}
	c.point("commit.done")
	c.publish(g)
	c.s.changes.add(g.requests)
	c.s.space.wrote(int64(g.bytes))
	c.point("commit.seen")
	if err := c.mirrorGroup(g); err != nil {
		return c.s.fail(fmt.Errorf("mirror group: %w", err))
	}
	c.point("commit.mirrored")
	return nil
}

// publish lets later views, and the next group but one, read the group from the database.
func (c *committer) publish(g *assembly) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.s.publishSnapshot(g.version)
	c.ahead = nil
}

// point is a failpoint of the store that has a mirror: where nothing acknowledged may be lost.
func (c *committer) point(name string) {
	if c.s.mirror != nil {
		failpoint.Here(name)
	}
}

// mirrorGroup writes the mirrored key's new value, if the group has one.
func (c *committer) mirrorGroup(g *assembly) error {
	if c.s.mirror == nil {
		return nil
	}
	if err := c.s.mirror.Count(g.commits); err != nil {
		return err
	}
	e := g.overlay.entries[string(c.s.cfg.Mirror.Key)]
	if e.kind == absent {
		return nil
	}
	content := mirror.Content{Present: e.kind == put}
	if content.Present {
		content.Value, _, _ = unwrap(e.raw)
	}
	return c.s.mirror.Write(content)
}
