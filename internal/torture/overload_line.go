package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// line is one kept HTTP/1.1 connection, over which one request at a time is asked. It is spoken by hand: the load shares the machine with the
// server, and a client of the library would take more of it than the server does.
type line struct {
	address string
	from    string // own address; "" = any
	tls     *tls.Config
	conn    net.Conn
	in      *bufio.Reader
}

// answerLimit is the longest that anything may take.
const answerLimit = 15 * time.Second

const longestAnswer = 256 << 10

// answer is what came back.
type answer struct {
	status     int
	retryAfter string
	body       string
}

func newLine(address string, t *tls.Config) *line {
	t = t.Clone()
	t.NextProtos = []string{"http/1.1"}
	t.ServerName, _, _ = net.SplitHostPort(address)
	return &line{address: address, tls: t}
}

// ask sends a whole request. An error ends the connection; the next request opens another.
func (l *line) ask(ctx context.Context, request []byte) (a answer, err error) {
	if err = l.open(ctx); err == nil {
		a, err = l.exchange(request)
	}
	if err != nil {
		l.close()
	}
	return a, err
}

func (l *line) open(ctx context.Context) error {
	if l.conn != nil {
		return nil
	}
	d := tls.Dialer{NetDialer: dialer(l.from), Config: l.tls}
	c, err := d.DialContext(ctx, "tcp", l.address)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	l.conn, l.in = c, bufio.NewReaderSize(c, 4<<10)
	return nil
}

// dialer connects from an address of this machine.
func dialer(from string) *net.Dialer {
	d := &net.Dialer{Timeout: answerLimit}
	if from != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	return d
}

func (l *line) exchange(request []byte) (a answer, err error) {
	if err = l.conn.SetDeadline(time.Now().Add(answerLimit)); err != nil {
		return a, err
	}
	if _, err = l.conn.Write(request); err != nil {
		return a, fmt.Errorf("send: %w", err)
	}
	res, err := http.ReadResponse(l.in, nil)
	if err != nil {
		return a, fmt.Errorf("read: %w", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, longestAnswer))
	if res.Close {
		l.close()
	}
	return answer{res.StatusCode, res.Header.Get("Retry-After"), string(body)}, err
}

func (l *line) close() {
	if l.conn != nil {
		_ = l.conn.Close() // nothing more is expected of it
	}
	l.conn = nil
}

// request words one request with a JSON body.
func request(method, path, address, authorization, body string) []byte {
	var b strings.Builder
	_, _ = fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, path, address)
	if authorization != "" {
		_, _ = fmt.Fprintf(&b, "Authorization: %s\r\n", authorization)
	}
	if body != "" {
		_, _ = fmt.Fprintf(&b, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	_, _ = b.WriteString("\r\n" + body)
	return []byte(b.String())
}
