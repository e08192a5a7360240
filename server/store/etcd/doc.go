// Package etcd keeps Concord's data in an etcd cluster: the store.Store of a data center that outgrows one machine's disk.
//
// It owns the keys under Config.Prefix of the cluster and, when asked for, the mirror file of this node; nobody else may write
// to either. app opens it and hands it on as a store.Store. It knows no key, kind or session.
//
// Every transaction moves one key, the guard, and is committed on the condition that the guard still is what it was in the
// revision that the transaction read. So whatever was read, ranges and what was absent included, is what it was: no phantom
// and no deletion escapes, and neither the number of reads nor that of nodes adds a condition. The price is that of two nodes
// that commit at the same moment one has to run again; nearly every transaction of Concord moves the head of a chain, so they
// would meet there anyhow. Who loses again and again gets a turn, so that a busy node starves nobody.
//
// Guarantees beyond those of package store: one goroutine, the committer, runs queued update functions one after another and
// commits what they wrote as one etcd transaction, whose answer is that of a quorum; only then does each caller get its own.
// A commit whose answer was lost is sent again under the same condition, so it is made once or not at all. A view asks the
// quorum for the newest revision before it reads: nothing stale is given, also after a pause or behind a partition. Every
// call has a time limit, and without a quorum the answer is a fault of kind Unavailable; as soon as there is one again, calls
// succeed without a restart.
package etcd
