// Package app wires one node: it is the only place where the parts of a server meet.
//
// It owns the node's key, the administrator's token, the caches of configuration that requests read (model), the warm
// links to partners, the listeners, and the order of start and stop. cli calls Run; the end-to-end tests of the whole
// stand here. It holds no rule of the product: those are in the rooms below. Guarantees: a listener opens only when what
// it serves is ready to answer; Run returns when everything it started has ended; the stores are closed last.
package app
