package httpapi_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"os"
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
	closed chan struct{} // by the other side, or because the time was up
	err    error         // of reading, once it is closed
}

func newLine(t *testing.T, d *testkit.DataCenter, url string) *line {
	t.Helper()
	return newLineBy(t, d.TLS().Clone(), url)
}

func newLineBy(t *testing.T, cfg *tls.Config, url string) *line {
	t.Helper()
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
		_, l.err = io.Copy(io.Discard, c)
	}()
	return l
}

// headers of a request whose body never comes, so that somebody waits for it.
func headers(host, path string, more ...[2]string) []byte {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	for _, f := range append([][2]string{{":method", "POST"}, {":scheme", "https"}, {":authority", host}, {":path", path}, {"content-type", "application/json"}}, more...) {
		_ = e.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
	}
	return b.Bytes()
}

// TestFloodsOfFrames: SEC-63. Header fields without an end cost the connection that they come over, once they are longer than all fields may
// be; requests that are begun and reset by the thousand cost at most that. Others are answered during them and after.
func TestFloodsOfFrames(t *testing.T) {
	d := start(t)
	for name, url := range map[string]string{"admin": d.Endpoint, "runtime": d.RuntimeURL} {
		served := func() {
			t.Helper()
			if got := send(t, d, ask{method: http.MethodGet, url: url + "/openapi.json", header: http.Header{"Authorization": {"Bearer " + d.Token}}}); got.status != http.StatusOK {
				t.Errorf("%s: others are answered %d %s", name, got.status, got.body)
			}
		}
		fields := headers(strings.TrimPrefix(url, "https://"), "/session/v1/authenticate")
		endless := newLine(t, d, url)
		err := endless.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: fields})
		more := bytes.Repeat([]byte{0x00, 0x01, 'x', 0x01, 'y'}, 3000) // a field of two letters, again and again
		for n := 0; err == nil && n < 64; n++ {
			err = endless.WriteContinuation(1, false, more)
		}
		resets := newLine(t, d, url)
		for n := uint32(0); n < 2_000; n++ {
			if err := resets.WriteHeaders(http2.HeadersFrameParam{StreamID: 2*n + 1, BlockFragment: fields, EndHeaders: true}); err != nil {
				break // cut off: as good
			}
			_ = resets.WriteRSTStream(2*n+1, http2.ErrCodeCancel)
			if n == 1_000 {
				served()
			}
		}
		served()
		if <-endless.closed; errors.Is(endless.err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: header fields go on for ever", name)
		}
	}
}
