package main

import (
	"math/rand/v2"
	"os"
)

// harm is something that happens to a file.
type harm struct {
	name string
	do   func(s *stage, path, older string)
}

func harms() []harm {
	return []harm{
		{"flip", func(s *stage, path, _ string) { rewrite(s, path, flip) }},
		{"zero", func(s *stage, path, _ string) { rewrite(s, path, zero) }},
		{"truncate", func(s *stage, path, _ string) { rewrite(s, path, cut) }},
		{"empty", func(s *stage, path, _ string) { rewrite(s, path, func([]byte) []byte { return nil }) }},
		{"remove", func(s *stage, path, _ string) { remove(s, path) }},
		{"swap", func(s *stage, path, older string) {
			b, err := os.ReadFile(older)
			if os.IsNotExist(err) {
				return // the older copy has no such file
			}
			if err != nil {
				s.Fatal(err)
			}
			rewrite(s, path, func([]byte) []byte { return b })
		}},
	}
}

// flip turns one bit, somewhere in what is used of the file.
func flip(b []byte) []byte {
	if n := used(b); n > 0 {
		b[rand.IntN(n)] ^= 1 << rand.IntN(8)
	}
	return b
}

// zero clears up to 512 bytes in a row.
func zero(b []byte) []byte {
	if n := used(b); n > 0 {
		at := rand.IntN(n)
		clear(b[at:min(n, at+512)])
	}
	return b
}

// cut leaves a part of what is used.
func cut(b []byte) []byte {
	if n := used(b); n > 0 {
		return b[:rand.IntN(n)]
	}
	return b
}

// used is the length without the zeros at the end: logs are made long and filled later.
func used(b []byte) int {
	n := len(b)
	for n > 0 && b[n-1] == 0 {
		n--
	}
	return n
}

// flipSlots turns a bit in slots of the head record, which lie 8 KiB apart.
func flipSlots(which []int) func([]byte) []byte {
	return func(b []byte) []byte {
		for _, i := range which {
			b[i*8<<10+rand.IntN(100)] ^= 0x10
		}
		return b
	}
}

func rewrite(s *stage, path string, change func([]byte) []byte) {
	s.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		s.Fatal(err)
	}
	if err := os.WriteFile(path, change(b), 0o600); err != nil {
		s.Fatal(err)
	}
}

func remove(s *stage, path string) {
	s.Helper()
	if err := os.RemoveAll(path); err != nil {
		s.Fatal(err)
	}
}

// duplicate copies a directory with its modes and leaves holes as holes.
func duplicate(s *stage, from, to string) {
	s.Helper()
	if err := os.MkdirAll(to, 0o700); err != nil {
		s.Fatal(err)
	}
	must(s, "cp", "-a", "--sparse=always", from+"/.", to)
}
