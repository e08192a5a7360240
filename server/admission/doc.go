// Package admission keeps a node useful while more is asked of it than it can do (FLT-29, SEC-33).
//
// It owns two things. Places bound how many requests of a kind are worked on at once, and how many of those are one caller's: they keep
// memory bounded. Pressure watches how long agents' decisions wait before anybody takes them up, as CoDel watches a queue (RFC 8289), and
// holds back what can wait: first the checks of passwords, then administration. Decisions and partners are never held back.
//
// httpapi asks it before a request is worked on, identity before a password is checked; app makes it. It knows no HTTP and no
// routes. It guarantees that what is held back is never held back altogether, that nobody waits longer than MaxWait, and that
// a decision pays four atomic additions.
package admission
