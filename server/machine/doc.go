// Package machine measures what a machine gives to a data center before one runs there, with the parts that the server uses: synced writes, the
// store, password hashes, signatures and handshakes. Each reading stands beside what a data center needs to be good for its work.
package machine
