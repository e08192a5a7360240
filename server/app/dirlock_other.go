//go:build !unix

package app

import (
	"fmt"
	"os"
	"path/filepath"
)

// lockDir only opens the file: on this system Badger's own lock has to do.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock data directory: %w", err)
	}
	return f, nil
}

func lockedDir(string) bool { return false }
