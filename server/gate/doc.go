// Package gate is Concord's agent: a reverse proxy in front of one application that asks Concord about every request.
//
// It owns the gate's configuration file, the list of Concord servers with its failover, the reserved paths /.concord/*, and
// what reaches the application: the identity headers that Concord answered and nothing a browser made up. cli calls it. It
// talks to Concord only through the runtime API (internal/client, wire); it decides nothing itself, opens no cookie and
// holds no key.
//
// It guarantees: no request reaches the application without an allow for exactly that request (it never fails open);
// identity headers, forwarding headers and Concord's cookies that a browser sends do not reach the application in any
// spelling (SEC-20); an answer of a server that is not the configured one is not used (CAMS-05); a server that fails is
// avoided and tried again later (CAMS-06 to CAMS-08); every wait is bounded.
package gate
