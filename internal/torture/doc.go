// Command torture breaks real data centers on purpose and looks at what is left: kill -9, power loss, full disks, damaged
// files, cut and flapping links, forced promotions, mixed versions. `make torture` runs every fault many times and prints a
// line for each; the tests of this package run the same faults a few times.
//
// Each file holds one fault, a function of a stage. What a client was told is kept in a ledger, and whatever was acknowledged
// must be there afterwards. It knows the admin API, the files of a data directory and internal/testkit, which runs the
// programs; of the server's rooms it knows no more than their failpoints.
package main
