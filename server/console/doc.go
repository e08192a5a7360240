// Package console renders the pages that people see at a data center: sign in, signed in, sign out, signed out, trouble.
//
// It owns the templates and the one style sheet, all embedded. httpapi calls it with filled structs and sends what it
// writes; the console knows no HTTP, no cookies, no sessions and decides nothing.
//
// It guarantees: every value is escaped for where it stands; a page needs no script, no inline style and nothing from
// another host, so the strictest Content-Security-Policy fits; every field has a label, every page a language, a title
// and one heading; a render writes the whole page or nothing.
//
// The sender sets the headers. Two of them matter to the forms: Referrer-Policy same-origin (with no-referrer browsers send
// "Origin: null", which the origin check refuses), and no form-action 'self' in the policy of the sign-in page (browsers
// apply it to redirects too, and signing in ends with one to the agent's host).
package console
