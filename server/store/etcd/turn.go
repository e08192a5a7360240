package etcd

import (
	"context"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// A node whose functions read much needs longer than others between its snapshot and its commit, and would lose to each of them for as long as
// they are busy: one that starts loses all the time. After patientRounds it takes a turn, a key beside the store: while it is there
// nobody else commits. It goes with the node's commit, or by its lease when the node dies. It is for fairness only; what a commit may build on
// is the guard's to say, whoever's turn it is.
const (
	patientRounds = 6
	turnSeconds   = 2 // of the lease; etcd takes no less than about as long as an election
	turnMost      = 2 * time.Second
	turnPassed    = 30 * time.Second // how long no turn is waited for after one that lasted longer: its key may never go
)

// turnKey lies beside the space, so that no watch sees it.
func (c Config) turnKey() string { return c.Prefix + "/turn/" + c.Space }

// takeTurn tries to get the turn. Without it the node goes on as before.
func (c *committer) takeTurn() {
	ctx, cancel := context.WithTimeout(c.s.life, turnSeconds*time.Second)
	defer cancel()
	lease, err := c.s.client.Grant(ctx, turnSeconds)
	if err == nil {
		var got *clientv3.TxnResponse
		got, err = c.s.client.Txn(ctx).If(clientv3.Compare(clientv3.CreateRevision(c.s.turnKey), "=", 0)).
			Then(clientv3.OpPut(c.s.turnKey, "", clientv3.WithLease(lease.ID))).Commit()
		if err == nil && got.Succeeded {
			c.holds, c.known = lease.ID, false // what was committed until now counts
			return
		}
		_, _ = c.s.client.Revoke(ctx, lease.ID) // with the key, if only the answer was lost
	}
	c.known = false
	wait(c.s.life, jitter(pauseLeast))
}

// giveTurn ends a turn in which nothing was committed.
func (c *committer) giveTurn() {
	if c.holds == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(c.s.life, turnSeconds*time.Second)
	defer cancel()
	_, _ = c.s.client.Revoke(ctx, c.holds) // else it ends by itself
	c.holds = 0
}
