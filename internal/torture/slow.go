package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
)

const (
	slowDescriptors = 512 // of the server: 128 connections a listener, 64 from one address
	slowEach        = 64
	slowClosed      = 10 * time.Second // when who does not get as far as a request is hung up on
	slowSlack       = 10 * time.Second // of a busy machine
	slowBody        = 30 * time.Second // when one whose body does not come is
	slowReader      = 2 * time.Minute  // when one who does not take the answer is
	elsewhere       = "127.0.0.9"      // an address of somebody else
)

// limited makes a program that runs p's with so many descriptors.
func limited(s *stage, program string, descriptors int) string {
	s.Helper()
	file := filepath.Join(s.TempDir(), "concord-limited")
	script := fmt.Sprintf("#!/bin/sh\nulimit -n %d\nexec '%s' \"$@\"\n", descriptors, program)
	if err := os.WriteFile(file, []byte(script), 0o700); err != nil { //nolint:gosec // it is to be run
		s.Fatal(err)
	}
	return file
}

// slowClients open all the connections that one address gets at each listener and say nothing, half a ClientHello, nothing under TLS, or a byte
// of a header a second; in the second run they begin bodies and take no answers. All are hung up on in time, and
// others are served meanwhile (SEC-64).
func slowClients(s *stage) {
	p := testkit.NewProcess(s, limited(s, s.program(), slowDescriptors), "NYDC")
	p.Start()
	doors := entriesOf(p)
	speak := []func(context.Context, net.Conn, *tls.Config){silent, halfHello, underTLS, dripping}
	slow(s, doors, slowEach, slowClosed, func(i int) func(context.Context, net.Conn, *tls.Config) { return speak[i%len(speak)] })
	if s.runs < 2 {
		return
	}
	var all sync.WaitGroup
	for _, d := range doors {
		all.Go(func() {
			slow(s, []entry{d}, 8, slowBody, func(int) func(context.Context, net.Conn, *tls.Config) { return d.body })
		})
		all.Go(func() {
			slow(s, []entry{d}, 4, slowReader, func(int) func(context.Context, net.Conn, *tls.Config) { return d.greedy })
		})
	}
	all.Wait()
}

// entry is a listener.
type entry struct {
	name, address, open string // open is a path that answers everybody
	tls                 *tls.Config
	body                func(context.Context, net.Conn, *tls.Config) // begins a body
}

func entriesOf(p *testkit.Process) []entry {
	stranger := &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true} //nolint:gosec // the peer listener shows who it is by a name that only partners look at
	out := []entry{{name: "admin", address: strings.TrimPrefix(p.Endpoint, "https://"), open: "/v1/health", tls: p.TLS()},
		{name: "runtime", address: strings.TrimPrefix(p.RuntimeURL, "https://"), open: "/v1/health", tls: p.TLS()},
		{name: "peer", address: p.PeerAddress, open: "/peer/v1/bundle", tls: stranger}}
	out[0].body = beginning("PUT /v1/groups/g HTTP/1.1\r\nAuthorization: Bearer " + p.Token)
	out[1].body = beginning("POST /session/v1/authenticate HTTP/1.1")
	out[2].body = beginning("POST /peer/v1/pair HTTP/1.1")
	return out
}

// serves says whether somebody at another address is served.
func (e entry) serves(ctx context.Context) error {
	l := newLine(e.address, e.tls)
	l.from = elsewhere
	defer l.close()
	a, err := l.ask(ctx, request(http.MethodGet, e.open, e.address, "", ""))
	if err == nil && a.status != http.StatusOK {
		err = fmt.Errorf("%d %s", a.status, a.body)
	}
	return err
}

// slow opens connections, and wants each to be closed by the server in time, and others to be served.
func slow(s *stage, doors []entry, each int, limit time.Duration, speak func(i int) func(context.Context, net.Conn, *tls.Config)) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), limit+slowSlack)
	defer cancel()
	var all, open sync.WaitGroup
	for _, d := range doors {
		for i := range each {
			open.Add(1)
			all.Go(func() {
				c, err := dialer("").DialContext(ctx, "tcp", d.address)
				open.Done()
				if err != nil {
					s.broke("%s: %v", d.name, err)
					return
				}
				defer c.Close()
				stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
				defer stop()
				if speak(i)(ctx, c, d.tls); ctx.Err() != nil && s.Context().Err() == nil {
					s.broke("%s: connection %d was kept for longer than %s", d.name, i, limit+slowSlack)
				}
			})
		}
	}
	open.Wait()
	for _, d := range doors {
		if err := d.serves(ctx); err != nil {
			s.broke("%s serves nobody else: %v", d.name, err)
		}
	}
	all.Wait()
}

// untilClosed takes what comes until the server hangs up.
func untilClosed(c net.Conn) {
	var b [4096]byte
	for {
		if _, err := c.Read(b[:]); err != nil {
			return
		}
	}
}

func silent(_ context.Context, c net.Conn, _ *tls.Config) { untilClosed(c) }

func halfHello(_ context.Context, c net.Conn, _ *tls.Config) {
	_, _ = c.Write([]byte{22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3}) // the head of a record of 512 bytes, which do not come
	untilClosed(c)
}

func secured(ctx context.Context, c net.Conn, t *tls.Config) *tls.Conn {
	t = t.Clone()
	t.NextProtos, t.ServerName = []string{"http/1.1"}, "127.0.0.1"
	out := tls.Client(c, t)
	_ = out.HandshakeContext(ctx) // the next read says that the server hung up
	return out
}

func underTLS(ctx context.Context, c net.Conn, t *tls.Config) { untilClosed(secured(ctx, c, t)) }

func dripping(ctx context.Context, c net.Conn, t *tls.Config) {
	s := secured(ctx, c, t)
	for _, b := range []byte("GET /v1/health HTTP/1.1\r\nX-Slow: " + strings.Repeat("a", 200)) {
		if _, err := s.Write([]byte{b}); err != nil {
			return
		}
		if pause(ctx, time.Second); ctx.Err() != nil {
			return
		}
	}
}

// beginning begins a request and sends a byte of its body each five seconds.
func beginning(head string) func(context.Context, net.Conn, *tls.Config) {
	return func(ctx context.Context, c net.Conn, t *tls.Config) {
		s := secured(ctx, c, t)
		_, _ = fmt.Fprintf(s, "%s\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{", head)
		gone := make(chan struct{})
		go func() { defer close(gone); untilClosed(s) }()
		for {
			select {
			case <-gone:
				return
			case <-time.After(5 * time.Second):
				_, _ = s.Write([]byte{' '})
			}
		}
	}
}

// greedy asks on and on, and takes no answer: in the end the server does not get rid of one.
func (e entry) greedy(ctx context.Context, c net.Conn, t *tls.Config) {
	s := secured(ctx, c, t)
	many := []byte(strings.Repeat(string(request(http.MethodGet, e.open, e.address, "", "")), 100))
	for {
		if _, err := s.Write(many); err != nil {
			return
		}
	}
}
