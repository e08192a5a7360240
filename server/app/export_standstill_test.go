package app

import "net/http"

// StillLimit is for tests.
const StillLimit = stillLimit

// NewStandstill is for tests.
var NewStandstill = newStandstill

// Before is for tests.
func (s *standstill) Before(h http.Handler) http.Handler { return s.before(h) }
