//go:build !failpoints

package failpoint

// Here is a point at which a torture run may end the process as by kill -9 (FLT-03).
func Here(string) {}

// Without says whether a guarantee is switched off; never in a normal build.
func Without(string) bool { return false }

// Instead gives usual, or what a torture run wants in its place.
func Instead(_, usual string) string { return usual }
