// Package mirror keeps one small value, and the number of the last commit, in a file outside a database: the head record of
// a node. A store that says less than its mirror has lost acknowledged data.
//
// The stores call it (store/badger, store/etcd) from their committers; it knows no key and no store. A value is in one of two
// slots with a checksum each, so that a write that is cut short leaves the one before; it is synced before Write returns.
package mirror
