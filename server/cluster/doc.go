// Package cluster is what the nodes of one data center know of each other. They share the state store and nothing else: no
// node calls another one.
//
// It owns the prefix y/ of the state store: y/c the cluster id, y/n/<node> who is there, with a time to live, and y/l/<job>
// who works for all. app joins before a node opens its listeners, puts Health into its readiness and runs the work that one
// node at a time does through a Lease. It does not know what that work is.
//
// Guarantees. Two nodes that are alive never have one name (CAMS-01). A node of another cluster, or one whose version is
// more than one step away, does not join. Of a lease there is
// one holder at a time as long as clocks run equally fast to a quarter (FLT-19). A holder that slept may for a moment write beside
// its successor: what it does is safe then because each room compares in its transactions, the follower the position, a first
// copy its mark (journal.Staging), the others what they change.
package cluster
