package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/config"
)

// Bounds of every listener (SEC-63, SEC-64): a caller that sends nothing, or too slowly, is dropped.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	writeTimeout  = 2 * time.Minute // of a whole answer; a snapshot extends it as it goes
	drainTimeout  = 10 * time.Second
)

// listener is one bound address with what it serves.
type listener struct {
	name      string
	net       net.Listener
	tls       *tls.Config      // nil: plain HTTP
	plain     func() bool      // asked for each connection of a listener whose security mode can change; nil = tls decides
	file      *certificateFile // nil: the data center's own certificate
	clients   *clientRoots     // nil: the data center's own clients only
	advertise string
	server    *http.Server
	watch     func(net.Conn, http.ConnState)                  // told of every connection; may be nil
	mark      func(context.Context, net.Conn) context.Context // makes the context of its requests; may be nil
}

// bind takes the address, so that a port that is in use is found before anything starts.
func bind(ctx context.Context, name string, c config.Listener) (*listener, error) {
	var lc net.ListenConfig
	n, err := lc.Listen(ctx, "tcp", c.Address)
	if err != nil {
		return nil, fmt.Errorf("open %s listener: %w%s", name, err, bindHint(err))
	}
	l := &listener{name: name, net: bounded(n, connectionLimit(descriptors())), advertise: c.Advertise}
	if _, port, err := net.SplitHostPort(c.Address); err == nil && port == "0" || l.advertise == "" {
		l.advertise = n.Addr().String()
	}
	return l, nil
}

// bindHint says what to do about an address that cannot be taken.
func bindHint(err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "; another program listens there: stop it, or change the address"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "; that is no address of this machine: bind one of its own, or 0.0.0.0, and tell others the outer one with advertise"
	case errors.Is(err, syscall.EACCES):
		return "; ports below 1024 need a privilege: take a higher one and let the load balancer, or the firewall, forward to it"
	}
	return ""
}

func (l *listener) url() string {
	if l.tls == nil || l.plain != nil && l.plain() {
		return "http://" + l.advertise
	}
	return "https://" + l.advertise
}

// serve answers until ctx ends, then drains: what is under way is finished, up to drainTimeout (FLT-30).
func (l *listener) serve(ctx context.Context, h http.Handler, log *slog.Logger) error {
	base := context.WithoutCancel(ctx)
	coming := &arrivals{next: l.watch}
	l.server = &http.Server{
		Handler: h, BaseContext: func(net.Listener) context.Context { return base },
		ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, WriteTimeout: writeTimeout, // bodies have their own deadline, in httpapi
		ConnState: coming.watch, ConnContext: l.mark, MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		HTTP2: &http.HTTP2Config{MaxConcurrentStreams: 250},
	}
	n := l.net
	if l.tls != nil {
		cfg := l.tls.Clone()
		cfg.NextProtos = []string{"h2", "http/1.1"}
		n = &securing{n, cfg, l.plain}
	}
	done := make(chan error, 1)
	go func() { done <- l.server.Serve(n) }()
	log.Info("listener open", "listener", l.name, "url", l.url())
	select {
	case err := <-done:
		return fmt.Errorf("serve %s listener: %w", l.name, err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	_ = n.Close() // nobody new comes, and who came is served before the server hangs up
	ended := <-done
	coming.settle(drain, settleMost)
	if err := l.server.Shutdown(drain); err != nil {
		log.Warn("listener closed with requests in flight", "listener", l.name, "error", err)
		_ = l.server.Close() // Shutdown's error was logged; what is left is dropped
	}
	if !errors.Is(ended, net.ErrClosed) {
		return fmt.Errorf("serve %s listener: %w", l.name, ended)
	}
	return nil
}

// securing takes connections under TLS, or as they come while the data center is in mode open. It does not look at what a caller
// sends: under TLS what is not TLS is refused, and in mode open TLS is (SEC-40).
type securing struct {
	net.Listener
	config *tls.Config
	plain  func() bool
}

// Accept gives the next connection.
func (s *securing) Accept() (net.Conn, error) {
	conn, err := s.Listener.Accept()
	if err != nil || s.plain != nil && s.plain() {
		return conn, err
	}
	return tls.Server(conn, s.config), nil
}

// webTLS is the TLS of the admin and the runtime listener: the operator's own certificate, or the data center's.
func (l *listener) webTLS(c config.TLS, own func() *tls.Certificate) (err error) {
	if c.Disabled {
		return nil
	}
	l.tls = &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return own(), nil }}
	if c.CertFile != "" {
		if l.file, err = openCertificateFile(c.CertFile, c.KeyFile); err != nil {
			return err
		}
		l.tls.GetCertificate = l.file.get
	}
	if c.ClientCAFile != "" {
		l.clients, err = openClientRoots(c.ClientCAFile)
	}
	return err
}
