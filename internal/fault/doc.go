// Package fault is Concord's one kind of error that a user may see.
//
// A fault carries a Kind (what sort of trouble), a stable Code (for programs), a Message (safe to show, and it says what to do
// next) and, for bad input, the fields that are wrong. Everything else is wrapped with %w and shown as one fixed text.
// Only the outermost layers know HTTP: server/httpapi turns a kind into a status, internal/client turns it back, so a
// round trip keeps the kind. The package imports nothing of Concord.
package fault
