// Package client speaks to one Concord listener: the admin API, or the runtime API for agents.
//
// It owns connections (kept warm, HTTP/2), credentials, time limits, repeats and the way back from a problem document to
// a fault, so that a caller sees the kind of trouble that the server had. The provider, the command line and the gate use
// it. It knows no resource by name: paths and bodies are the caller's, bodies are package wire's.
//
// It guarantees that a credential never travels over plain http except on loopback and never follows a redirect; that
// only repeatable requests are repeated; that every wait ends with the caller's context; and that no answer is read past
// its limit. Nothing of a request's body or of its Authorization header is ever logged or put in an error.
package client
