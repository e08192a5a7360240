package httpapi_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
)

// line is one connection of a stranger who writes frames as no client does.
type line struct {
	*http2.Framer
	conn   *tls.Conn
	closed chan struct{} // by the other side
}

func newLine(t *testing.T, d *testkit.DataCenter, url string) *line {
	t.Helper()
	cfg := d.TLS().Clone()
	cfg.NextProtos = []string{"h2"}
	dialer := tls.Dialer{Config: cfg}
	c, err := dialer.DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "https://"))
	if err != nil {
		t.Fatal(err)
	}
	l := &line{conn: c.(*tls.Conn), closed: make(chan struct{})} //nolint:forcetypeassert // what a tls.Dialer gives
	t.Cleanup(func() { _ = c.Close(); <-l.closed })
	_ = c.SetDeadline(time.Now().Add(testkit.Limit))
	l.Framer = http2.NewFramer(c, nil)
	_, err = io.WriteString(c, http2.ClientPreface)
	if err == nil {
		err = l.WriteSettings()
	}
	if err != nil {
		t.Fatal(err)
	}
	go func() { // takes whatever is answered
		defer close(l.closed)
		_, _ = io.Copy(io.Discard, c)
	}()
	return l
}

// headers of a request whose body never comes, so that somebody waits for it.
func headers(host, path string) []byte {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	for _, f := range [][2]string{{":method", "POST"}, {":scheme", "https"}, {":authority", host}, {":path", path}, {"content-type", "application/json"}} {
		_ = e.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
	}
	return b.Bytes()
}

// TestFloodsOfFrames: SEC-63. Header fields without an end are cut off at the bound of all header fields; requests that are begun and reset by the
// ten thousand cost only the connection that they come over: others are answered during them and after.
func TestFloodsOfFrames(t *testing.T) {
	d := start(t)
	for name, url := range map[string]string{"admin": d.Endpoint, "runtime": d.RuntimeURL} {
		served := func() {
			t.Helper()
			if got := send(t, d, ask{method: http.MethodGet, url: url + "/openapi.json", header: http.Header{"Authorization": {"Bearer " + d.Token}}}); got.status != http.StatusOK {
				t.Errorf("%s: others are answered %d %s", name, got.status, got.body)
			}
		}
		host := strings.TrimPrefix(url, "https://")
		endless := newLine(t, d, url)
		err := endless.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: headers(host, "/session/v1/authenticate")})
		part := bytes.Repeat([]byte{0x00, 0x01, 'x', 0x01, 'y'}, 3000) // a field of one letter, not kept
		for n := 0; err == nil; n++ {
			if err = endless.WriteContinuation(1, false, part); n > 4000 { // 60 MB
				t.Fatalf("%s: header fields go on for ever", name)
			}
		}
		served()
		resets := newLine(t, d, url)
		for n := uint32(0); n < 10_000; n++ {
			if err := resets.WriteHeaders(http2.HeadersFrameParam{StreamID: 2*n + 1, BlockFragment: headers(host, "/session/v1/authenticate"), EndHeaders: true}); err != nil {
				break // cut off: as good
			}
			_ = resets.WriteRSTStream(2*n+1, http2.ErrCodeCancel)
			if n == 5_000 {
				served()
			}
		}
		served()
	}
}
