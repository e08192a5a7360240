// Package blob keeps the contents of packages, and fetches those that this data center lacks (MSS-11, MSS-L1).
//
// A blob is named by the SHA-256 of its bytes and never changes. Store takes an upload, verifies its digest, has archive
// look into it (SEC-66) and only then lets it be seen; Collect removes what no package refers to any more. Fetcher gets what
// the packages in the journal refer to and is not here from other data centers, goes on where it was cut off, and verifies
// in the same way. httpapi's routes and app's links carry the bytes; which blobs are wanted, and whom to ask, app says. The
// room knows no HTTP, no package and no agreement.
//
// Guarantees: what is in whole/ is whole, verified and synced, whenever the process is killed; a blob that was uploaded or
// claimed less than Grace ago is not collected, so a package that refers to it can follow; a fetch never holds up the journal.
//
// Files in Config.Dir, 0700 and 0600: whole/<sha256>.<format>, whose time is when it was last claimed or referred to;
// incoming/ uploads under way, swept at a start; partial/<sha256> fetches under way, which go on after one.
package blob
