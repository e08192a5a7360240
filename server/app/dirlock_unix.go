//go:build unix

package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// lockWait is how long a start waits for a node that is just ending.
const lockWait = 10 * time.Second

// lockDir keeps a second node away from a data directory, whatever store the nodes use.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock data directory: %w", err)
	}
	for end := time.Now().Add(lockWait); ; {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) //nolint:gosec // a descriptor fits
		switch {
		case err == nil:
			return f, nil
		case !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR):
			return nil, errors.Join(fmt.Errorf("lock data directory: %w", err), f.Close())
		case time.Now().After(end):
			return nil, errors.Join(inUse(dir), f.Close())
		}
		<-time.After(20 * time.Millisecond)
	}
}

// lockedDir says whether another process holds the lock now.
func lockedDir(dir string) bool {
	f, err := os.Open(filepath.Join(dir, "lock"))
	if err != nil {
		return false
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB); err != nil { //nolint:gosec // a descriptor fits
		return errors.Is(err, syscall.EWOULDBLOCK)
	}
	return false
}
