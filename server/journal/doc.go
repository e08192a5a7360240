// Package journal keeps configuration objects and, for replicated ones, the numbered record of every change.
//
// It owns the object keys, the journal, the position (epoch, sequence, digest) and the generation of the copy that is in
// force. configuration writes through it, replication ships its records and installs snapshots into it, the other rooms
// read through it. It does not know who may change what, nor how records travel.
//
// A Gate may hold or refuse administrators' changes; a promotion is the first record of its epoch; the tail of an epoch that
// lost is kept as a conflict file.
//
// Guarantees: an object, its record and the new position commit in one transaction; the digest after a sequence is a
// function of the replicated objects alone, so two data centers with the same (sequence, digest) hold the same
// configuration; a snapshot becomes visible at once or not at all; whoever was told of a change finds it.
package journal
