// Package policy says which rule covers a request and what it decides.
//
// It owns the canonical form of a request's host and path (Canonical) and the immutable index of applications and
// authorization policies (Compile, Index.Decide). session's authorize and forward-auth call it through app, which compiles
// a new index whenever the configuration changes. It knows no HTTP server, no cookies, no store and no session: a subject
// is handed in as names.
//
// It guarantees: what cannot be put into one canonical form is refused, so that no two readers of a request can disagree
// about its path (SEC-22, SEC-23); everything not allowed is denied; a deny wins over an allow (SEC-25); the same
// configuration gives the same decision and the same rule in every data center; a decision costs the length of the host
// and the path, whatever the number of applications and policies, and of a policy's rules only those with terms (networks, times,
// condition) that name the person are looked at, within the bounds of mdc. Explain tells by the same code why.
package policy
