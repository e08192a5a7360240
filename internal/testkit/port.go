package testkit

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// freeAddress picks a port below those that the system gives to outgoing connections, and keeps it for this test until its end:
// a server that is down for a while must find its port free, although other test programs look for ports at the same time.
func freeAddress(t testing.TB) string {
	t.Helper()
	for range 1000 {
		port := 12_000 + rand.IntN(20_000)
		release, kept := keepPort(port)
		if !kept {
			continue
		}
		a := fmt.Sprintf("127.0.0.1:%d", port)
		l, err := net.Listen("tcp", a)
		if err != nil {
			release()
			continue
		}
		t.Cleanup(release)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		return a
	}
	t.Fatal("no free port")
	return ""
}
