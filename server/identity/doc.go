// Package identity says who a person or an agent is: the local identity store's users and the hashing of every secret.
//
// It owns argon2id (Hasher: parameters, PHC strings, how many run at once), the check of a user's password with its
// limit on guesses (Authenticator), and the fast check of an agent's secret (Secrets). httpapi calls it through app; where
// users come from is app's to say. It knows no HTTP, no cookies, no sessions and no store.
//
// It guarantees: one answer and equal work for every reason to refuse a sign-in (SEC-31); never more hashes at once than
// cores, and a bounded wait for one (SEC-33); at most ten password checks a minute for one account (SEC-30; over all data centers as far as they reach one another);
// no comparison whose time depends on a secret (SEC-35).
package identity
