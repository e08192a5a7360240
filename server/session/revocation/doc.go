// Package revocation keeps the ends of sign-ons: durable here before anything else happens, then in every other data center.
//
// It owns the prefix r/ of the state store: a log of entries in the order in which they became known here, own and foreign,
// and what each partner has acknowledged of it. Package session calls it at every sign-out and asks it at every request;
// app starts it through session. It must not know sessions' contents, cookies or HTTP.
//
// Guarantees. Add and Receive return after the entries are on stable storage and after Denies says so. An entry stays until
// it expires, 30 s after the last session it can end. Each partner has a durable cursor: a position in this log. A data
// center passes on what it learned from others (FLT-11), so a sign-out reaches a data center that its origin cannot reach.
//
// What a data center "has" of an origin is one number, the origin's sequence up to which nothing is missing. Only batches
// that come from the origin itself move it, and only when they join what is there already: batch (After, Through] vouches
// that the origin has no other live entry in that range. A relayed entry denies at once but moves nothing, since the relay
// cannot know what it does not know. An answer that is behind what a partner acknowledged earlier means that it lost data;
// its cursor starts again at zero. Entries that say nothing new are not kept, whatever their sequence, so an origin that was
// restored from a backup and uses sequences again loses nothing.
package revocation
