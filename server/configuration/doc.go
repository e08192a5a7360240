// Package configuration creates, reads, changes and deletes objects of every kind.
//
// It owns the rules that hold for all kinds alike: preconditions (ETag), references that must exist and may not be left
// dangling, write protection of a clone, hashing of write-only values, administrators' locks, batches, the overrides that
// a data center lays over replicated objects, the audit record. A rule of one kind stands in mdc when the object alone
// decides it, and comes as a Guard when more is needed. httpapi calls it for administrators;
// agreements, which have two sides, are topology's. It knows no HTTP. The object, its journal record and its audit record are one transaction; a single change
// and one of a batch go the same way (apply).
package configuration
