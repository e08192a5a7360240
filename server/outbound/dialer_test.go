package outbound_test

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/outbound"
)

// listen takes connections on loopback and counts them.
func listen(t *testing.T) (port string, taken *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	taken = &atomic.Int64{}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			taken.Add(1)
			_ = c.Close()
		}
	}()
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port, taken
}

// rebinding is a name server that gives another address at each question, the last one for ever.
func rebinding(t *testing.T, addresses ...string) *net.Resolver {
	t.Helper()
	s, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	var asked atomic.Int64
	go func() {
		b := make([]byte, 1500)
		for {
			n, from, err := s.ReadFrom(b)
			if err != nil {
				return
			}
			if n < 17 {
				continue
			}
			end := 12
			for end < n && b[end] != 0 {
				end += int(b[end]) + 1
			}
			question := b[12 : end+5]
			out := append([]byte{b[0], b[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, question...)
			if binary.BigEndian.Uint16(question[len(question)-4:]) == 1 { // type A
				at := min(int(asked.Add(1))-1, len(addresses)-1)
				out[7] = 1
				out = append(out, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
				out = append(out, netip.MustParseAddr(addresses[at]).AsSlice()...)
			}
			_, _ = s.WriteTo(out, from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", s.LocalAddr().String())
	}}
}

// TestDialerLooksAtWhatIsDialled is SEC-48 on the wire: every spelling of an address that is refused, and a name that resolves to
// an allowed address when it is looked at and to a refused one when it is dialled.
func TestDialerLooksAtWhatIsDialled(t *testing.T) {
	t.Parallel()
	port, taken := listen(t)
	shut := outbound.New(outbound.Config{})
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "[::1]", "0.0.0.0", "[::]", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "169.254.169.254", "[::ffff:169.254.169.254]", "[fe80::1%25lo]"} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		conn, err := shut.DialContext(ctx, "tcp", strings.ReplaceAll(host, "%25", "%")+":"+port)
		cancel()
		if err == nil {
			_ = conn.Close()
			t.Errorf("%s was dialled", host)
		}
	}
	if taken.Load() != 0 {
		t.Errorf("%d connections arrived", taken.Load())
	}
	conn, err := outbound.New(outbound.Config{Rule: outbound.Rule{AllowLoopback: true}}).DialContext(t.Context(), "tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatalf("loopback with the setting: %v", err)
	}
	_ = conn.Close()
	if _, err := shut.DialContext(t.Context(), "unix", "/tmp/x"); fault.CodeOf(err) != outbound.CodeRefused {
		t.Errorf("a socket of the machine: %v", err)
	}
}

// TestRebinding: between looking a name up and dialling it the name moves (SEC-48).
func TestRebinding(t *testing.T) {
	t.Parallel()
	port, taken := listen(t)
	for _, inner := range []string{"127.0.0.1", "169.254.169.254"} {
		d := outbound.New(outbound.Config{Resolver: rebinding(t, "192.0.2.1", inner)})
		found, err := d.LookupHost(t.Context(), "partner.example.")
		if err != nil || len(found) != 1 || found[0] != "192.0.2.1" {
			t.Fatalf("the name server of the test: %v %v", found, err)
		}
		if _, err := d.DialContext(t.Context(), "tcp", "partner.example.:"+port); fault.CodeOf(err) != outbound.CodeRefused {
			t.Errorf("rebound to %s: %v", inner, err)
		}
	}
	if taken.Load() != 0 {
		t.Error("a connection arrived")
	}
}
