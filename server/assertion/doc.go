// Package assertion signs what an application is told about a person, so that it need not trust plain headers: a JSON Web Token
// of EdDSA for one agent, good for a minute, and the key sets by which anybody can verify it.
//
// It owns the data center's signing keys, prefix n/ of the state store: n/k its own, wrapped by the node's key, n/p/ the public
// keys of partners, so that an application whose agent fails over to another data center finds every key at the one address that
// it knows. httpapi calls it at each request that is allowed and publishes the keys; app wires it and hands in how partners are
// asked. It must not know HTTP, cookies or policies.
//
// Guarantees: each data center signs with keys of its own, whose ids start with its cluster id, so that a stolen one is one data
// center's; a key is published a day before it signs and for a day after; a token never outlives its session, and one that is
// taken from memory has half a minute left. A partner can add keys under its own cluster id only, and loses them with its
// registration.
package assertion
