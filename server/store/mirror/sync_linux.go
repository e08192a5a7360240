package mirror

import (
	"os"
	"syscall"
)

// SyncData syncs a file and leaves out the modification time, which would cost a write of the file system's journal.
func SyncData(f *os.File) error {
	for {
		if err := syscall.Fdatasync(int(f.Fd())); err != syscall.EINTR {
			return err
		}
	}
}
