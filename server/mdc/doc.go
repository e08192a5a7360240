// Package mdc is Concord's vocabulary: data center, partner, agreement, trusted certificate, session policy, user, group,
// application, authorization policy, agent, session; and the description of a kind of configuration.
//
// It owns the names, the shapes, the defaults and the rules that hold for one object by itself (Validate), and says which
// other objects one refers to (References). Every room of the server uses it. It knows no technology: no HTTP, no store,
// no TLS. A kind is described once, in its own file, and listed in Kinds; routes, journal, digest, locks and the API
// description follow from that.
package mdc
