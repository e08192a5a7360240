// Package replication carries the replicated configuration from a master to its clones (OAM-45..55).
//
// It owns the way of a change between two journals: Feed answers a clone's question for what comes after its position,
// Follower asks, applies, and takes a whole copy where the journals do not fit; and Keys, the data center's HPKE key pair
// to which secret objects are sealed on the way. httpapi and the peer client of app carry the questions; topology makes
// the agreements. It knows no HTTP and no TLS: callers are named by cluster id, already proved by the caller's certificate.
//
// Guarantees: a clone's state is at every moment one state that the master had, proved by the digest; objects and position
// commit together, so a crash applies nothing twice and nothing half; what is not understood stops the agreement instead
// of being skipped; a clone that has a copy serves it whatever happens to the link; secret objects leave in sealed form only.
//
// Keys in the state store, all under "h/": "h/k" the key pair, "h/f/<agreement>" what a clone showed last, "h/a/<agreement>"
// where the clone's side stands, "h/s/<agreement>" the clone's credential and "h/i/<agreement>" its SHA-256 at the master. The
// marks are written when the state changes, not with each change of the configuration.
package replication
