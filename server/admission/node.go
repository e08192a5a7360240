package admission

import (
	"context"
	"runtime"
)

// Node is what a node has for each kind of request. Replication has places of its own: no other question of a partner
// takes them, and so has whatever sends or takes a lot, which may take minutes.
type Node struct {
	Decisions      *Places
	Peers          *Places
	Replication    *Places
	Administration *Places
	SignIns        *Places
	Transfers      *Places
	Pressure       *Pressure
}

// New makes a node's. The numbers are what 256 MiB bear at the usual size of a request; a caller's part lets two others in.
func New() *Node {
	n := &Node{
		Decisions:      NewPlaces(4096, 0), // agents are known, and one may be all there is
		Peers:          NewPlaces(1024, 256),
		Replication:    NewPlaces(512, 64),
		Administration: NewPlaces(256, 64),
		SignIns:        NewPlaces(max(256, 128*runtime.GOMAXPROCS(0)), 0), // many people come from one address
		Transfers:      NewPlaces(512, 0),
	}
	n.Pressure = NewPressure(n.Decisions.Begun)
	return n
}

// Run watches the pressure until ctx ends.
func (n *Node) Run(ctx context.Context) error { return n.Pressure.Run(ctx) }
