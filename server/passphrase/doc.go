// Package passphrase is what two data centers prove to each other by a shared passphrase: once, to exchange their roots (mode
// simple), or with every message (mode open).
//
// It owns the keys that are derived from passphrases, the proofs and frames made with them, and the store's keys under "p/": the
// roots that pairings pinned, and the attempts that failed. It is called by app, which runs the pairing and signs what is asked,
// and by httpapi, which answers; neither the store's implementation nor HTTP is known here.
//
// Guarantees: a passphrase never leaves the node, in any form but a proof. The key costs 64 MiB and is derived once for each
// passphrase and pair, one at a time, and for registered partners only, so that strangers cannot make it cost more. A proof of a
// pairing holds on the one TLS connection that it was made for, in the one role, and for exactly the two bundles; each message of
// mode open is taken once, within 30 seconds, by the one data center that it is for. Not a byte of an answer is given on before
// its own proof was checked. Five proofs that fail in 15 minutes close a pairing, over restarts too.
package passphrase
