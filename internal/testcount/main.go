// Command testcount reads `go test -json` and prints what a person wants of it: a line a package, the whole output of each
// test that failed, the reason of each that was skipped, and at the end exactly "N passed, N failed, N skipped".
// The flags -passed, -failed and -skipped add checks that ran before. It exits 1 when anything failed, also when a package
// did not build or its process died, and when nothing ran at all.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	c := newCounter(os.Stdout)
	flag.IntVar(&c.passed, "passed", 0, "checks that passed before")
	flag.IntVar(&c.failed, "failed", 0, "checks that failed before")
	flag.IntVar(&c.skipped, "skipped", 0, "checks that were skipped before")
	flag.Parse()
	if err := c.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "testcount:", err)
		c.failed++
	}
	if !c.finish() {
		os.Exit(1)
	}
}
