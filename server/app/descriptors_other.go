//go:build !unix

package app

// descriptors is how many files and connections this process may have open: these systems have no such bound.
func descriptors() uint64 { return 1 << 20 }
