// Package keyring is the life of the keys that seal cookies and codes, at the master: made, distributed, acknowledged, used,
// retired and, where one is compromised, revoked (FLT-23, G-22).
//
// It owns the keyset objects: nobody else writes them. app calls it at the first start and runs a Keeper; httpapi asks the
// Keeper for what it shows and does on demand. How keys travel is replication's affair, and what they seal is seal's. It must not
// know HTTP, peers or sessions.
//
// Guarantees: a key seals only after every data center that replicates from here has it, or somebody said to go on without
// (distribute before use), so a rotation refuses no cookie; a key opens for as long as what it sealed may be good; a revoked key
// opens nothing from the moment its end is durable here, and its id is kept so that it never comes back; answers and the audit
// record name keys by id and never hold one.
package keyring
