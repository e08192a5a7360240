// Package federation carries roots and revocation lists between data centers, and the rotation of a root over them.
//
// It owns the prefix f/ of the state store: what each partner told of its own trust (the record, and beside it a mark that there
// is one), and what each partner has acknowledged of ours. It is called by app (Refresher, and Book for package trust), by the
// peer route that partners ask (Publisher), and by the administration (Rotation). It must not know HTTP or the authority.
//
// Guarantees. What is told counts only if it came over a link that was believed already, and for the partner at its far end
// only. A bundle's sequence only grows; an older one, another one under the same number, an empty one, one with anything but
// authorities, or with a root of somebody else, is refused and said, and the last good one stays. What was told is durable
// before it is in force, and before the partner is told that we have it: the acknowledged sequence is what survives a crash
// here. A record that is lost or cannot be read is never taken for "nothing told": the partner is believed no more (SEC-43).
// A removed partner, or one that is registered with another root, starts from what is declared; its revocation lists stay,
// since they only ever refuse.
package federation
