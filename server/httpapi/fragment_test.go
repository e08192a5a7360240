package httpapi_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// fragmenting sends its first message, the ClientHello, in records of one size, and these byte by byte when slow says so.
type fragmenting struct {
	net.Conn
	size int
	slow bool
	sent bool
}

// Write splits the first record.
func (f *fragmenting) Write(b []byte) (int, error) {
	if f.sent || len(b) < 5 || b[0] != 22 {
		return f.Conn.Write(b)
	}
	f.sent = true
	var out []byte
	for rest := b[5:]; len(rest) > 0; {
		n := min(f.size, len(rest))
		out = append(append(out, b[0], b[1], b[2], byte(n>>8), byte(n)), rest[:n]...)
		rest = rest[n:]
	}
	for len(out) > 0 {
		n := len(out)
		if f.slow {
			n = 1
		}
		if _, err := f.Conn.Write(out[:n]); err != nil {
			return 0, err
		}
		out = out[n:]
	}
	return len(b), nil
}

// TestFragmentedHello: a ClientHello in pieces leads to the same decision as a whole one, never to a listener that asks for nothing
// (SEC-42).
func TestFragmentedHello(t *testing.T) {
	d := start(t)
	good, _, stranger := forgedAt(t, d)
	for name, f := range map[string]fragmenting{"two records": {size: 100}, "many records": {size: 16}, "byte by byte": {size: 64, slow: true}} {
		for cert, want := range map[*tls.Certificate]bool{ptr(good.leaf(t, nil)): true, ptr(stranger.leaf(t, nil)): false} {
			raw, err := dialer().Dial("tcp", d.PeerAddress)
			if err != nil {
				t.Fatal(err)
			}
			_ = raw.SetDeadline(time.Now().Add(20 * time.Second))
			conn := tls.Client(&fragmenting{Conn: raw, size: f.size, slow: f.slow}, &tls.Config{Certificates: []tls.Certificate{*cert}, InsecureSkipVerify: true}) //nolint:gosec // the test is the attacker
			_, _ = io.WriteString(conn, "GET /peer/v1/hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if got := err == nil && res.StatusCode == http.StatusOK; got != want {
				t.Errorf("%s, sound %t: %v %v", name, want, res, err)
			}
			if err == nil {
				_ = res.Body.Close()
			}
			_ = raw.Close()
		}
	}
}

func ptr[T any](v T) *T { return &v }
