// Package agent lets a Go program be its own Concord agent: a handler that asks Concord about every request before the program's
// handlers see it, and that tells them who asks.
//
//	a, err := agent.New(agent.Config{ClusterID: "NYDC", Name: "web-nydc", Secret: secret, Servers: servers, Logger: logger})
//	go a.Run(ctx)
//	http.ListenAndServeTLS(address, cert, key, a.Protect(mux))
//
// concord gate is this package before a reverse proxy. It owns the list of Concord servers with its failover, the reserved paths
// /.concord/*, what is remembered of decisions, and what of a request may reach an application. It talks to Concord only through the
// runtime API; it decides nothing itself, opens no cookie and holds no key.
//
// It guarantees: no request reaches the application without an allow for exactly that request, now or within the time for which
// Concord let it be remembered (it never fails open); identity headers, forwarding headers and Concord's cookies that a browser sends
// do not reach the application in any spelling (SEC-20); an answer of a server that is not the configured one is not used (CAMS-05);
// a server that fails is avoided and tried again later (CAMS-06 to CAMS-08); every wait is bounded, and so is what it remembers.
package agent
