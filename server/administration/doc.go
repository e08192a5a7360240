// Package administration says who an administrator is and what he may do.
//
// It owns the ways in which administrators prove themselves at the admin listener, but for the verification of certificates: the
// tokens of this data center, and security contexts, which are opened with a user's name and password and live shortly (TAM-02). It
// puts together what the roles allow: by token, by certificate, by user and groups. httpapi asks it once for each request; app gives it
// roles, tokens and users as requests read them, and the check of passwords.
//
// It decides nothing about single objects (mdc.Rights and package configuration do) and knows no HTTP. It guarantees: a token that
// was deleted or ran out, a user who was disabled or has another password, and a role that was taken away count at the next request;
// no comparison whose time depends on a secret (SEC-35); the cost of a request does not grow with the number of tokens or contexts;
// as many contexts are kept as maxContexts and maxForUser say, however many are opened.
package administration
