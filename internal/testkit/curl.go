package testkit

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Curl runs the program that people know, believing these roots, and gives the status and the header WWW-Authenticate.
func Curl(t testing.TB, roots string, args ...string) (status, authenticate string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, []byte(roots), 0o600); err != nil {
		t.Fatal(err)
	}
	args = append([]string{"-s", "--cacert", file, "-o", os.DevNull, "-w", "%{http_code}|%header{www-authenticate}"}, args...)
	out, err := exec.CommandContext(t.Context(), Tool(t, "apt-get install curl", "curl"), args...).CombinedOutput() //nolint:gosec // a tool that was looked for
	if err != nil {
		t.Fatalf("curl: %v\n%s", err, out)
	}
	status, authenticate, _ = strings.Cut(string(out), "|")
	return status, authenticate
}
