package etcd

import (
	"context"
	"errors"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// A node that loses the race for the guard again and again asks for a turn: it puts a mark. Commits of other nodes fail while a
// mark lies there that they do not know, and they wait until it is gone. Whoever put it removes it when it has committed. Nobody
// waits longer than turnMost for one mark, so one of a node that died costs each other node that once.
const (
	askAfter = 3                      // rounds that were lost
	turnMost = 250 * time.Millisecond // with several hundred keys to read a round takes some ten milliseconds
	turnLook = 3 * time.Millisecond
	maxPause = 4 // how often the pause between rounds doubles, from a millisecond on
)

// turn is what a committer knows of the mark. Values are etcd's revisions of it.
type turn struct {
	known int64 // the mark that its commits pass by: its own, or one that it waited for in vain; 0 = none
	met   int64 // the one that refused its last commit; 0 = none did
	own   bool  // known is its own
}

var errTurn = errors.New("commit group: it is another node's turn")

// free is that no mark lies there but a known one.
func (c *committer) free() clientv3.Cmp {
	return clientv3.Compare(clientv3.ModRevision(c.s.turnKey), "=", c.due.known)
}

// meet notes the mark that a refused commit found.
func (t *turn) meet(there int64) {
	switch there {
	case t.known:
		t.met = 0
	case 0: // the one that it passed by is gone
		*t = turn{}
	default:
		t.met, t.own = there, false
	}
}

func markIn(kvs []*mvccpb.KeyValue) int64 {
	if len(kvs) == 0 {
		return 0
	}
	return kvs[0].ModRevision
}

// again is what to do between two rounds.
func (c *committer) again(round int) {
	switch {
	case c.due.met != 0:
		c.giveWay()
	case round >= askAfter && !c.due.own:
		c.ask()
	case round > 0:
		wait(c.s.life, jitter(time.Millisecond<<min(round, maxPause)))
	default:
		return // on what the first refusal told the next round can be built at once
	}
	c.known = false
}

// giveWay waits until the mark is gone.
func (c *committer) giveWay() {
	ctx, cancel := context.WithTimeout(c.s.life, turnMost)
	defer cancel()
	there := c.due.met
	for there != 0 && wait(ctx, jitter(turnLook)) {
		resp, err := c.s.client.Get(ctx, c.s.turnKey)
		if err != nil {
			break
		}
		there = markIn(resp.Kvs)
	}
	c.due = turn{known: there}
}

// ask puts a mark, unless another node's lies there. What becomes of it the next commit tells.
func (c *committer) ask() {
	ctx, cancel := context.WithTimeout(c.s.life, turnMost)
	defer cancel()
	resp, err := c.s.client.Txn(ctx).If(c.free()).Then(clientv3.OpPut(c.s.turnKey, "")).Commit()
	if err == nil && resp.Succeeded {
		c.due.known, c.due.own = resp.Header.Revision, true
	}
}

// yield removes the mark, if it is ours still.
func (c *committer) yield() {
	if !c.due.own {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.s.life), turnMost)
	defer cancel()
	_, err := c.s.client.Txn(ctx).If(c.free()).Then(clientv3.OpDelete(c.s.turnKey)).Commit()
	if c.due.own = false; err == nil {
		c.due.known = 0
	}
}
