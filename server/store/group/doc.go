// Package group is how updates wait for the part of a store that runs and commits them, one group after another, its committer: those that came
// while a group was being committed make the next one.
//
// The stores call it (store/badger, store/etcd); it knows no transaction and no technology. Each request is answered once, by the
// committer that claimed it or by its caller who left before; the committer never waits for a caller.
package group
