// Package httpapi is the HTTP face of a node: the admin, the runtime and the peer listener.
//
// It is the only importer of gin. It owns routes, strict decoding, authentication of callers, the problem document and
// the description of each listener (/openapi.json); a route is declared once, in a table, and both gin and the
// description are made from it. Handlers translate between wire structs and the rooms below (configuration, topology,
// replication, session, policy, identity, trust, ca) and hold no rule of their own. Kind of fault to HTTP status: one
// table, shared with internal/client.
package httpapi
