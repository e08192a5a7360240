//go:build unix

package cli

import "syscall"

// private keeps every file that the program makes from now on from other users of the machine, the stores' too; what others are
// to read gets its mode when it is written (SEC-71).
func private() { syscall.Umask(0o077) }
