//go:build !unix

package cli

// private does nothing: the data directory's own access list counts.
func private() {}
