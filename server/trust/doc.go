// Package trust decides which other data center is at the far end of a peer connection.
//
// It owns the snapshot of registered partners and declared certificates, and the TLS configurations of the peer link. It is
// called by app (listener and client set-up, Reload after every change of a partner or a trusted certificate), by the peer
// routes (Verify for each request) and by the administration's views (Describe). It must not know the store, the
// authority, HTTP or sessions.
//
// Guarantees: a peer is taken only if its certificate carries exactly one URI name, byte for byte
// spiffe://<cluster id in lower case>/node/<node name>, of a registered partner, and leads to an anchor declared for that
// very partner, or to a root that this partner named over a link that was believed already (Learned, which package federation
// below keeps), and only while its issuer did not take it back; there is no pool of all anchors, so no partner can speak for another. Host names are never part of the
// decision. A removed partner or certificate is refused at the next request, on open connections too, and TLS sessions are
// never resumed. What cannot be read trusts nobody. Who shows no certificate is let in by the handshake as a stranger, and refused by
// Verify; the peer routes that are open to everybody do not ask it.
package trust
