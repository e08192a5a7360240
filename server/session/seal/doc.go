// Package seal makes and opens the sealed texts that browsers carry: cookies, codes and requests.
//
// It owns their form, `c1.<issuer cluster>.<base64url of the Tink ciphertext>`, and what is bound to each by associated data:
// form, purpose, issuer, agent and host. Package session calls it and decides what the plain text means; app fills a Ring
// with the replicated keysets. It must not know sessions, stores or HTTP.
//
// Guarantees: a text opens only for the purpose, issuer, agent and host that it was sealed for (SEC-08); there is exactly one
// spelling of a text, so padding, white space and stray bits are refused (SEC-07); every refusal is the one error ErrOpen
// (SEC-06); no text is longer than MaxLength.
package seal
