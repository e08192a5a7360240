package admission

import (
	"context"
	"runtime"
)

// Node is what a node has for each kind of request. Replication has places of its own: no other question of a partner
// takes them, and so has whatever sends or takes a lot, which may take minutes.
type Node struct {
	Decisions      *Places // of agents that are known
	Pages          *Places // what people's browsers ask that looks at no password
	SignIns        *Places
	Bodies         *Places // of strangers, that are on their way
	Transfers      *Places // packages for people
	Administration *Places
	Peers          *Places
	Neighbours     *Places // other nodes of this data center
	Strangers      *Places // who shows no certificate to the peer listener
	Replication    *Places
	Copies         *Places // first copies, and contents of packages for partners and nodes
	Pressure       *Pressure
}

// New makes a node's. The numbers are what 256 MiB bear at the usual size of a request; a caller's part lets two others in.
func New() *Node {
	n := &Node{
		Decisions:      NewPlaces(4096, 3072), // one agent may be nearly all there is
		Pages:          NewPlaces(1024, 0),
		SignIns:        NewPlaces(max(256, 128*runtime.GOMAXPROCS(0)), 0), // many people come from one address
		Bodies:         NewPlaces(8192, 0),
		Transfers:      NewPlaces(512, 32),
		Administration: NewPlaces(256, 64),
		Peers:          NewPlaces(1024, 256),
		Neighbours:     NewPlaces(1024, 0),
		Strangers:      NewPlaces(128, 8),
		Replication:    NewPlaces(512, 64),
		Copies:         NewPlaces(128, 32),
	}
	n.Pressure = NewPressure(n.Decisions.Begun)
	return n
}

// Run watches the pressure until ctx ends.
func (n *Node) Run(ctx context.Context) error { return n.Pressure.Run(ctx) }
