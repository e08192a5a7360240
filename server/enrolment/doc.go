// Package enrolment keeps the one-time join tokens of a data center.
//
// It owns who may join with which token, until when, and whether that was done. It is called by the administration's routes (Make, List,
// Withdraw) and by the routes that a token opens (Redeem). It must not know HTTP, the authority or trust: what a token buys is done
// by its caller, after Redeem.
//
// Guarantees: only a hash of the secret is kept; a token is spent on stable storage before anything is given for it, so it is used once,
// however many show it at once and whatever fails after; it is bound to its purpose and ends by itself; who shows wrong secrets
// locks the token. Keys: "e/t/<id>".
package enrolment
