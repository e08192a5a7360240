//go:build !linux

package mirror

import "os"

// SyncData syncs a file.
func SyncData(f *os.File) error { return f.Sync() }
