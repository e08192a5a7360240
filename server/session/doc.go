// Package session signs people in once and lets every data center find the sign-on: it creates, finds, adopts, times out and
// ends sessions, and makes the sealed cookies and codes that browsers carry between them (docs/sessions.md).
//
// It owns the sessions store whole, the prefixes g/, w/ and l/ through session/backchannel, and, through session/revocation, the
// prefix r/ of the state store. httpapi calls it for
// people, agents and partners; app wires it, calls CatchUp before the data center says it is ready, Run for as long as it
// lives, and UsersChanged when a user changes. It must not know HTTP, wire shapes, policies of authorization or how a
// partner is reached.
//
// Guarantees. A sign-on that was ended here, or whose end was received here, is never allowed again, in whatever order
// cookies, retrievals and revocations arrive: tombstones are asked before and after a session is made, and at every request.
// What SignIn and SignOut have answered is on stable storage. The absolute expiry never moves. One retrieval for a sign-on
// is in flight on a node, and one session for it exists in a data center. Giving a session away ends nothing: only
// who took it over, and says so with the proof, ends it elsewhere, and of several takers the latest wins everywhere. Last access
// is kept in memory and written in batches: a kill loses at most 30 s of it, which only shortens a session. A session whose last
// request took it from cookie to answer through memory reads no store.
// In memory sessions have two forms, of which packed.go tells: some are decoded and in use (resident.go), all others packed (slab). touched.go keeps
// the last accesses that are to be written.
// Several nodes on one store: RunNode follows what others write, so what one node ends, the others refuse as soon as their watch
// tells them; Work is for one of them at a time.
//
// Simulate decides as requests are decided, about a fault that is assumed: decide.go holds the decision, sighted (ask.go) and
// assumed (simulate.go) are its facts.
//
// Keys of the sessions store, all with a time to live: s/<id> the session, a/<id> its last access, x/<incoming id> and
// o/<sso id> to the id, u/<user>/<store>/<id>, c/<jti> used codes and steps, e/<partner>/<key> events to deliver, d/<sso id> what was
// made from a cookie while nobody could be asked, m/<sso id> where a sign-on went that another data center took over.
package session
