//go:build unix

package testkit

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// keepPort takes a port for this process among all test programs of the machine, by a lock on a file that the system lets go when
// the process ends, however it ends.
func keepPort(port int) (release func(), kept bool) {
	dir := filepath.Join(os.TempDir(), "concord-test-ports")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, false
	}
	f, err := os.OpenFile(filepath.Join(dir, strconv.Itoa(port)), os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, false
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close() // somebody else's
		return nil, false
	}
	return func() { _ = f.Close() }, true
}
