package httpapi

// Descriptions gives the OpenAPI documents of all listeners by name (admin, runtime, peer) without starting anything:
// routes are declared in tables, so no part is needed to describe them.
func Descriptions(version string) map[string]any {
	s := &Server{c: Config{Version: version}}
	s.declare()
	return map[string]any{"admin": s.adminDoc, "runtime": s.runtimeDoc, "peer": s.peerDoc}
}
