// Package ldap is an identity store that lives in an LDAP directory (RFC 4511).
//
// It owns the connections to the directory's servers, how a person and the person's groups are found there, and what that
// makes of them in Concord. app makes a Store for each declared identity store and hands it to the authenticator and to the
// session engine. It must not know who asks, nor how addresses may be dialled: connections are opened by what app gives it.
//
// It guarantees: what somebody typed is escaped wherever it becomes part of a filter (RFC 4515) and never part of a
// distinguished name; no bind is sent without a password (RFC 4513 section 5.1.2); exactly one entry is a person, anything
// else is nobody; every question ends within its time-out, and every answer has a bound on its bytes and entries; referrals
// are not followed; a server that is down is left alone for a while and the next one asked; "wrong password" and "nobody
// could be asked" are two outcomes.
package ldap
