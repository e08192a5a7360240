package badger

import "path/filepath"

// SyncedLog is the file name of the log that the last commit was synced in.
func SyncedLog(s *Store) string { return filepath.Base(s.log.file.Name()) }

// BreakLog closes the log's descriptor under the committer, so that the next sync fails.
func BreakLog(s *Store) { _ = s.log.file.Close() }
