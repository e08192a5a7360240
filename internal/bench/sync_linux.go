package main

import (
	"os"
	"syscall"
)

// syncData makes written data durable.
func syncData(f *os.File) error { return syscall.Fdatasync(int(f.Fd())) }
