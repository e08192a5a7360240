// Package ca is this data center's certificate authority, and the only importer of smallstep.
//
// It owns the root and the issuing (intermediate) certificate with their keys, the two leaves of this node (the peer leaf,
// whose one name is spiffe://<cluster id in lower case>/node/<node name>, and the web leaf with DNS names and IP
// addresses), and the certificates that administrators have issued: nodes', agents', administrators', web servers'. It is
// called by app (Open, Run, the current leaves for the listeners) and by the administration. It must not know partners
// or kinds of configuration; it speaks HTTP to an external step-ca only, and serves none.
//
// The authority decides and records; a backend signs: step's authority inside the process, or an external step-ca.
//
// Guarantees: a private key is kept only wrapped by the node's key; the root is constrained (critical) to the URI names of
// its own cluster; what is signed was checked against its profile, recorded before, and passes an enforcer that accepts
// exactly what was ordered and each order once (SEC-49); a leaf never outlives its issuer; an issued leaf is on stable
// storage before it is used. Renewal signs anew: step's own Renew, which renews what others issued, is never called, and
// none of step's routes is served.
//
// What a partner trusts is the root. The issuing certificate may change at a start, when its life comes to an end.
package ca
