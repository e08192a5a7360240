// Package storetest is the conformance suite of store.Store: every implementation passes it, and nothing outside package
// store is assumed.
//
// It owns no data; the tests of store/badger and store/etcd call Run. It is split by guarantee: transactions, ranges, time
// to live, watches, limits, closing and reopening. What only one implementation can show (crashes, corrupt files, group
// commit) is tested beside it.
package storetest
