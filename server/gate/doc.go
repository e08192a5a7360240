// Package gate is `concord gate`: a reverse proxy in front of one application, with Concord's agent (package agent) before it.
//
// It owns the gate's configuration file, the listener that browsers connect to with its certificate, and the way to the application and
// back. cli calls it. What it asks Concord, whom it asks and what of a request may pass is the agent's.
//
// It guarantees: the application gets the request that Concord was asked about, unchanged but for the headers that the agent speaks
// for; an application cannot set Concord's cookies; every wait is bounded, but for an answer that has begun.
package gate
