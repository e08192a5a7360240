// Package topology keeps the relations between data centers: roles, partners, and replication agreements.
//
// It owns the rules that involve more than one object or more than one data center: which role may follow which, who may be
// a partner, and the life of an agreement, whose two halves lie in two data centers (OAM-46..55). configuration calls its
// Guards, httpapi its Agreements and Partners; replication does the copying, and the peer link is app's, both behind small
// interfaces. It knows no HTTP and no TLS: a caller is named by the cluster id that its certificate proved.
//
// Mastership decides who is the master: the handover between two data centers, the signed chain of epochs, and the fencing of
// a master that was overtaken. It is the journal's gate, so that it can hold and refuse changes.
//
// A Forecast says what an outage would make of links, agreements, changes, promotions and hot standbys, as far as the data centers
// tell of themselves now.
//
// Guarantees: an agreement exists on both sides or the same call made again completes it; a second master, a duplicate
// cluster id and a clone's own objects are found out before anything is written; every wait for a partner is bounded; a planned
// handover loses nothing and never has two masters; what an overtaken master alone has is in a file before its role changes.
//
// Keys in the state store, all under "t/": "t/p/<agreement>" an agreement that is half made, "t/s/<partner>" what is known of
// a partner, "t/c" where the last agreement that was followed here ended, "t/k" the wrapped mastership key, "t/e" the latest epoch that was proved, "t/y"
// to whom mastership was given up, "t/f/<agreement>" one whose master may lack its half, or the clone's credential.
package topology
