// Package audit is the hash-chained record of what administrators did, and of what happened to people's sign-ons.
//
// There are two chains. Acts lies in the state store: an act's record is written in the act's own transaction, so it is
// durable before the act is answered and there is no act without one (SEC-75). Runtime lies in the sessions store: what
// makes, adopts or ends a session has its record in the same transaction, and so costs no sync of its own. What anybody can
// cause at will, refusals above all, goes through a Recorder, which writes the first of a kind and counts the rest for a
// minute; decisions on requests are only counted, or sampled.
//
// Each record holds the hash of the one before it. The head names the last one and is signed with a key that lies outside of
// the database; Verify names the first record that does not fit. Prune removes the oldest ones and leaves a signed
// checkpoint, from where the chain is verified. Search reads both chains in time order, a bounded part at a time.
//
// All rooms write records; the package knows nothing of kinds, sessions or HTTP. Keys, below the prefix of the chain ("a/"
// in the state store, "l/" in the sessions store): e/<sequence BE8> records, h the head, c the checkpoint, t/<hour BE8> the
// first record of an hour.
package audit
