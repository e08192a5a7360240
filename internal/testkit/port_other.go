//go:build !unix

package testkit

// keepPort keeps nothing where files cannot be locked like that.
func keepPort(int) (release func(), kept bool) { return func() {}, true }
