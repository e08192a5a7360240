//go:build linux || darwin || freebsd

package slab

import "syscall"

// mapped gives n zero bytes that Go's collector does not know; nil when the system has none.
func mapped(n int) []byte {
	b, err := syscall.Mmap(-1, 0, n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return nil
	}
	return b
}

// unmap gives them back. Nothing may refer to them any more.
func unmap(b []byte) {
	if len(b) > 0 {
		_ = syscall.Munmap(b) // of exactly what was mapped: it cannot fail
	}
}
