//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package badger

import (
	"os"
	"syscall"
)

// InUse says whether a process holds the store in dir now. It waits for nobody, changes nothing, and an absent directory
// is free. The answer is for a clear message only: Open's own lock decides.
func InUse(dir string) bool {
	f, err := os.Open(dir) //nolint:gosec // the store's own directory
	if err != nil {
		return false
	}
	defer f.Close() //nolint:errcheck // only probed
	// Badger holds an exclusive lock on the directory itself; a shared one is refused then, and two probes do not meet.
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB); err != nil { //nolint:gosec // a descriptor fits
		return err == syscall.EWOULDBLOCK //nolint:errorlint // a number of the system
	}
	_ = syscall.Flock(int(f.Fd()), syscall.LOCK_UN) //nolint:gosec // as above
	return false
}
