// Package slab keeps many small records of bytes in memory, by ids of 128 random bits, outside of what Go's collector manages: it neither
// scans them nor leaves as much room again for garbage, and what is dropped goes back to the system at once.
//
// server/session keeps the sessions of the store in it. The package knows nothing of them: a record has bytes, the time until which it is
// worth anything, and one time that may be raised in place.
//
// How. An id's first byte chooses one of 64 shards, each with a lock. A shard writes records one behind the other into chunks of memory
// that the system maps for it, and finds them through an open table of 8 bytes an entry: 32 bits of the id and the place. A record that
// is replaced or deleted leaves a hole; a chunk that is half holes is copied to the end of the shard and unmapped. When the limit is
// reached the oldest chunk goes, with all that is in it: what this package holds is a cache, and a reader must be able to do without.
//
// Guarantees. No reader sees a place after it was given to another record: bytes are read under the shard's lock, and View's callback
// must copy what it keeps. No more than the limit is mapped, but for one chunk a shard while another is
// copied or let go, and the tables' 9 to 18 bytes a record. What cannot be mapped is not kept,
// and nothing fails. Where Go cannot map memory, chunks are ordinary ones.
package slab
