package testkit

import (
	"os"
	"os/exec"
	"testing"
)

// Tool finds a program of others that a test drives: the first of names that is there, by name or by path. Where there is none the
// test is skipped with how to install it; with CI=true it fails, so that CI never passes because it did not look.
func Tool(t testing.TB, install string, names ...string) (program string) {
	t.Helper()
	for _, name := range names {
		if program, err := exec.LookPath(name); err == nil {
			return program
		}
	}
	missing(t, install, names[0])
	return ""
}

// needFile is Tool for a file that a program loads.
func needFile(t testing.TB, install, path string) {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		missing(t, install, path)
	}
}

func missing(t testing.TB, install, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing: %s", what, install)
	}
	t.Skipf("%s is missing: %s", what, install)
}
