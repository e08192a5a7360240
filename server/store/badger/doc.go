// Package badger keeps Concord's data in one Badger database: the store.Store of a data center that fits on one machine.
//
// It owns the database directory and, when asked for, the mirror file beside it; nothing else may write to either. app
// opens it and hands it on as a store.Store. It knows no key, kind or session: MirrorConfig.Key is just bytes to it.
//
// Guarantees beyond those of package store: the committer takes all queued update functions, runs them one
// after another over an overlay of the last snapshot, and commits what they wrote as one Badger transaction, and
// syncs it; only then does each caller get its answer. The functions of the next group run meanwhile, and see that overlay; what they
// write waits for the sync, and fails with it. After the first failed commit or sync nothing is acknowledged any
// more (FLT-05); reads go on. A committed value of the mirrored key is on stable storage in the mirror file before the
// answer, never before Badger has it; views and watches see a commit as soon as Badger has synced it. Below MinFree bytes of free space updates are refused, before Badger's memory maps
// meet the end of the disk (FLT-04).
//
// The committer's two workers start outside Run(ctx), as nothing else in the house does: Open starts them and Close joins them, since a
// store without them could not answer.
package badger
