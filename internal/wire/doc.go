// Package wire is what travels: the JSON bodies of the admin, runtime and peer listeners, and the problem document.
//
// It is shared by server/httpapi and internal/client (and through it by the provider, the gate and the command line), so
// that both ends spell a field once. A struct named after a kind holds what a caller may write; its …View embeds it and
// adds what the server computes. Secrets appear in the writable half only. The package has no behaviour and imports
// nothing of Concord.
package wire
