package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// connection is one kept HTTP/1.1 connection, spoken by hand: a client of the library takes more processor time than the
// servers that are measured, and both share the machine.
type connection struct {
	net  net.Conn
	in   *bufio.Reader
	body []byte // of the last answer
}

// maxAnswer is the longest answer that is read, in bytes.
const maxAnswer = 64 << 10

// connect opens a connection; t nil = plain. No exchange on it may take longer than deadline, counted from now.
func connect(ctx context.Context, address string, t *tls.Config, deadline time.Duration) (*connection, error) {
	dialer := net.Dialer{Timeout: 10 * time.Second}
	c, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	if t != nil {
		t = t.Clone()
		t.ServerName, t.NextProtos = "127.0.0.1", []string{"http/1.1"}
		secured := tls.Client(c, t)
		if err := secured.HandshakeContext(ctx); err != nil {
			_ = c.Close()
			return nil, fmt.Errorf("connect: %w", err)
		}
		c = secured
	}
	if err := c.SetDeadline(time.Now().Add(deadline)); err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	return &connection{net: c, in: bufio.NewReaderSize(c, 8<<10)}, nil
}

func (c *connection) close() { _ = c.net.Close() }

// exchange sends a whole request and reads the answer; c.body is valid until the next one.
func (c *connection) exchange(request []byte) (status int, err error) {
	if _, err := c.net.Write(request); err != nil {
		return 0, fmt.Errorf("send: %w", err)
	}
	line, err := c.in.ReadSlice('\n')
	if err != nil || len(line) < 12 {
		return 0, errors.Join(errors.New("read status"), err)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, fmt.Errorf("read status: %w", err)
	}
	length := -1
	for {
		if line, err = c.in.ReadSlice('\n'); err != nil {
			return 0, fmt.Errorf("read header: %w", err)
		}
		if len(line) <= 2 {
			break
		}
		if v, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(v))); err != nil {
				return 0, fmt.Errorf("read length: %w", err)
			}
		}
	}
	if length < 0 || length > maxAnswer {
		return 0, fmt.Errorf("read body: length %d", length)
	}
	if cap(c.body) < length {
		c.body = make([]byte, length)
	}
	c.body = c.body[:length]
	_, err = io.ReadFull(c.in, c.body)
	return status, err
}
