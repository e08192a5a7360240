//go:build !linux && !darwin && !freebsd

package slab

// mapped gives n zero bytes: ordinary memory on these systems.
func mapped(n int) []byte { return make([]byte, n) }

func unmap([]byte) {}
