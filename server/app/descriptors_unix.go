//go:build unix

package app

import "syscall"

// descriptors is how many files and connections this process may have open.
func descriptors() uint64 {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 1024 // the least that any of these systems gives
	}
	return uint64(l.Cur) //nolint:unconvert // an int64 on some of them
}
