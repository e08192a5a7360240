package etcd

import (
	"context"
	"errors"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/store/mirror"
)

// perTransaction is how many operations one transaction of etcd has at most when another one holds it: etcd's default of 128
// counts along each path from the outermost transaction, so that one with 64 operations can hold 64 of 63 each: maxOps, the guard,
// the record of a group and the end of a turn fit.
const (
	alone          = 120
	perTransaction = 63
	outermost      = (maxOps + 3 + perTransaction - 1) / perTransaction
)

// commit writes the group under the condition. A group that wrote nothing asks for the condition alone: what its functions
// read and answered was read from a snapshot that may be older than the calls.
func (c *committer) commit(g *unit) error {
	if g.failed != nil {
		c.known = false
		return g.failed
	}
	ops, err := c.operations(g)
	if err != nil {
		return err
	}
	next := guard{commits: c.snap.guard.commits + 1, id: newCommit()}
	if len(ops) > 0 {
		ops = append(ops, clientv3.OpPut(c.s.guardKey, next.encode()))
	}
	if len(g.single) > 1 {
		ops = append(ops, clientv3.OpPut(c.s.recordKey, string(recordOf(g.single))))
	}
	if len(ops) > 0 && c.holds != 0 {
		ops = append(ops, clientv3.OpDelete(c.s.turnKey))
	}
	seen, err := c.send(nested(ops), next.id)
	if err != nil {
		return err
	}
	if seen.guard.revision == c.snap.guard.revision { // nothing was written, and nobody else did
		return nil
	}
	if seen.guard.id != next.id {
		c.giveTurn() // it keeps only those back who know of turns
		c.snap = seen
		c.s.cache.follow(seen.guard.revision)
		return errConflict
	}
	c.holds = 0 // the turn went with the commit
	c.s.cache.move(c.snap.guard.revision, seen.guard.revision, g.writes)
	c.snap = snapshot{revision: seen.guard.revision, guard: guard{seen.guard.revision, next.commits, next.id}}
	c.s.mirrorGroup(next.commits, g.writes)
	return nil
}

// operations are those of the writes.
func (c *committer) operations(g *unit) ([]clientv3.Op, error) {
	var ops []clientv3.Op
	now := c.s.clockNow().Unix()
	for key, e := range g.writes {
		switch {
		case e.raw == nil:
			ops = append(ops, clientv3.OpDelete(c.s.base+key))
		case e.expires == 0:
			ops = append(ops, clientv3.OpPut(c.s.base+key, string(e.raw)))
		default:
			id, err := c.leases.lease(c.s.life, e.expires, now)
			if err != nil {
				return nil, err
			}
			ops = append(ops, clientv3.OpPut(c.s.base+key, string(e.raw), clientv3.WithLease(id)))
		}
	}
	return ops, nil
}

// nested puts many operations into transactions that one transaction holds.
func nested(ops []clientv3.Op) (outer []clientv3.Op) {
	if len(ops) <= alone {
		return ops
	}
	for len(ops) > 0 {
		n := min(perTransaction, len(ops))
		outer = append(outer, clientv3.OpTxn(nil, ops[:n], nil))
		ops = ops[n:]
	}
	return outer
}

// send commits ops under the condition and gives the guard after it: with our id when it was made, by this attempt or by an
// earlier one whose answer was lost. With no ops it gives the guard as it is. While it is another node's turn the same commit is sent again: one
// that is still on its way could be made later, beside a new one. Turns are for fairness, so one that lasts longer than its lease is passed by.
func (c *committer) send(ops []clientv3.Op, id commitID) (seen snapshot, err error) {
	lost := false // an answer that may have been that it was made
	for begin := time.Now(); ; {
		waits := len(ops) > 0 && begin.After(c.hurried)
		if waits && time.Since(begin) > turnMost {
			waits, c.hurried = false, time.Now().Add(turnPassed)
		}
		seen, err = c.sendOnce(ops, id, waits, &lost)
		if err != nil || len(ops) == 0 || seen.guard.revision != c.snap.guard.revision {
			break
		}
		if time.Since(begin) > c.s.cfg.RequestTimeout || !wait(c.s.life, jitter(pauseLeast)) {
			err = contended()
			break
		}
	}
	if err != nil && len(ops) > 0 && fault.CodeOf(err) == CodeFull {
		seen, err = c.lookAgain(id, err)
	}
	if err == nil && lost && len(ops) > 0 && seen.guard.id != id && seen.guard.commits > c.snap.guard.commits+1 {
		// Of the commits that were made meanwhile the first may be ours, with others on top of it.
		c.known = false
		return seen, unknownOutcome(errBuiltOn)
	}
	if err == nil {
		return seen, nil
	}
	c.known = false
	if natureOf(err) == tooLong { // our request for a member, by its own limit
		err = c.s.noteTrouble(explain(rpctypes.ErrRequestTooLarge))
	}
	if f, ok := errors.AsType[*fault.Error](err); ok && lost && len(ops) > 0 && f.Code != CodeUnknown && f.Code != CodeFull {
		return seen, unknownOutcome(err)
	}
	return seen, err
}

// sendOnce sets lost when an attempt was not answered that may have been made.
func (c *committer) sendOnce(ops []clientv3.Op, id commitID, waits bool, lost *bool) (seen snapshot, err error) {
	err = c.s.call(c.s.life, func(ctx context.Context, _ int) error {
		resp, err := c.s.client.Txn(ctx).If(c.condition(waits)...).Then(ops...).Else(clientv3.OpGet(c.s.guardKey)).Commit()
		if err != nil {
			*lost = *lost || mayBeMade(err)
			return err
		}
		seen.revision = resp.Header.Revision
		switch {
		case !resp.Succeeded:
			seen.guard, err = decodeGuard(resp.Responses[0].GetResponseRange().Kvs)
			return err
		case len(ops) == 0:
			seen.guard = c.snap.guard
		default:
			seen.guard = guard{revision: resp.Header.Revision, id: id}
		}
		return nil
	})
	return seen, err
}

// mayBeMade says whether a transaction that was answered with err can have been made all the same. The one that uses etcd's
// quota up is: it is applied, and refused in the same answer.
func mayBeMade(err error) bool {
	switch natureOf(err) {
	case passing:
		return true
	case final:
		return errors.Is(err, rpctypes.ErrNoSpace)
	}
	return false
}

// lookAgain is for a commit that was refused for want of space. Reads are answered then, so the guard tells whether it was made.
func (c *committer) lookAgain(id commitID, refused error) (snapshot, error) {
	seen, err := c.s.snapshotNow(c.s.life)
	switch {
	case err != nil:
		return seen, unknownOutcome(refused)
	case seen.guard.id == id:
		return seen, nil
	case seen.guard.commits > c.snap.guard.commits+1:
		return seen, unknownOutcome(errBuiltOn)
	}
	return seen, refused
}

var errBuiltOn = errors.New("the answer was lost, and other nodes have committed since")

// mirrorGroup writes the number of the commit and the mirrored key's new value into this node's file. The commit stands
// without it; but as long as the file cannot be written the store says that it is in trouble.
func (s *Store) mirrorGroup(commits uint64, writes map[string]entry) {
	if s.mirror == nil || len(writes) == 0 {
		return
	}
	err := s.mirror.Count(commits)
	if e, ok := writes[string(s.cfg.Mirror.Key)]; ok {
		content := mirror.Content{Present: e.raw != nil}
		if content.Present {
			content.Value, _, _ = unwrap(e.raw)
		}
		err = errors.Join(err, s.mirror.Write(content))
	}
	if err == nil {
		s.mirrorTrouble.Store(nil)
		return
	}
	f := fault.New(fault.Unavailable, CodeUnknown, "The head record %s cannot be written. Check the disk; changes are durable in etcd all the same.", s.cfg.Mirror.Path)
	f.Err = err
	if s.mirrorTrouble.Swap(f) == nil {
		s.cfg.Logger.Error("head record cannot be written", "path", s.cfg.Mirror.Path, "error", err)
	}
}
