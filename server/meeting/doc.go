// Package meeting is how two data centers that share a secret prove it to each other over one TLS connection, and with it which
// roots are theirs.
//
// It is called by passphrase, whose secret is a passphrase (a pairing), and for join tokens by app and httpapi. It must not know where
// a key comes from, nor what is done with roots that were proved.
//
// Guarantees: a proof holds for the one connection, the one role, the two data centers and the two bundles that it was made for, and
// is compared in constant time.
package meeting
