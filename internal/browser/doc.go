// Package browser reads what a browser sent, exactly: cookies undecoded and counted, whether it wants a page, and whether a
// form came from a page of the same origin.
//
// The gate and httpapi's forward-auth use it, which both stand where an application's requests pass. It knows no sessions, opens
// nothing and decides nothing. It guarantees that of two things that should be one, neither is taken (SEC-07, SEC-28), and that
// what is left of a request's cookies for an application holds none of Concord's, of whatever agent (SEC-20).
package browser
