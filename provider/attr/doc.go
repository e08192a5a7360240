// Package attr has the value types and the plan-time checks that Concord's resources share.
//
// The value types (Duration, PEM) know when two spellings mean the same, so that an apply is followed by an empty plan
// however the server spells its answer. The checks repeat the server's rules for names, addresses and origins, so that a
// wrong value is refused at plan; tests hold them against the server's own. All of them let null and unknown pass, and
// none repeats a value that may be secret. The package knows neither the API nor any resource.
package attr
