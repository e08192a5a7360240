// Package store is the contract between Concord and what keeps its data.
//
// It owns no data and no technology: store/badger and (later) store/etcd implement it, store/storetest is the conformance
// suite that each of them passes. Callers are the journal, configuration, session, audit and ca packages. A store knows
// nothing of kinds, sessions or certificates: keys and values are bytes, and each caller owns a prefix of its own (see
// docs/architecture.md for the table).
//
// Guarantees of every implementation: transactions are serialisable; when Update returns nil the writes are on stable
// storage (synced, or committed by a quorum); a View sees one consistent snapshot; a range is in ascending byte order;
// an expired key is never seen again.
package store
