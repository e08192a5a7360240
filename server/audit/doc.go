// Package audit is the hash-chained record of what administrators did.
//
// An act's record is written in the act's own transaction, so it is durable before the act is answered and there is no
// act without one (SEC-75). Each record holds the hash of the one before it; Verify names the first that does not fit.
// configuration writes records; the package knows nothing of kinds. Keys: "a/e/<sequence BE8>" and "a/h" (the head).
package audit
