// Package ca is this data center's certificate authority, and the only importer of smallstep.
//
// It owns the root and the issuing (intermediate) certificate with their keys, and the two leaves of this node: the peer
// leaf, whose one name is spiffe://<cluster id in lower case>/node/<node name>, and the web leaf with DNS names and IP
// addresses. It is called by app (Open, Run, the current leaves for the listeners) and by the administration for the
// bundle that partners are given. It must not know partners, HTTP or kinds of configuration.
//
// Guarantees: a private key is kept only wrapped by the node's key; the root is constrained (critical) to the URI names of
// its own cluster; every leaf passes an enforcer that accepts exactly the two profiles of this node, so that no other
// certificate can come out of this authority (SEC-49); a leaf never outlives its issuer; an issued leaf is on stable storage
// before it is used. Renewal signs anew: step's own Renew, which renews what others issued, is never called, and none
// of step's routes is served.
//
// What a partner trusts is the root. The issuing certificate may change at a start, when its life comes to an end.
package ca
