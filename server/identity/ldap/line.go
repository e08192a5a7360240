package ldap

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// maxAnswer is how many bytes one answer of a directory may have, an entry with a picture included.
const maxAnswer = 16 << 20

// target is one server of a directory, and how to talk with it.
type target struct {
	url      string
	address  string // host:port
	secure   bool   // TLS from the first byte
	startTLS bool
	tls      *tls.Config
	cfg      *Config
}

func newTarget(c *Config, text string) (*target, error) {
	u, ok := mdc.ValidDirectoryURL(text)
	if !ok {
		return nil, errors.New("an address is no URL of a directory")
	}
	t := &target{url: text, secure: u.Scheme == "ldaps", startTLS: u.Scheme == "ldap" && c.Settings.StartTLS, cfg: c, address: net.JoinHostPort(u.Hostname(), portOf(u))}
	t.tls = &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}
	if c.Settings.CACertificatePEM != "" {
		roots, err := mdc.ParseCertificates(c.Settings.CACertificatePEM)
		if err != nil {
			return nil, fmt.Errorf("read ca_certificate_pem: %w", err)
		}
		t.tls.RootCAs = x509.NewCertPool()
		for _, r := range roots {
			t.tls.RootCAs.AddCert(r)
		}
	}
	return t, nil
}

func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "ldaps":
		return ldap.DefaultLdapsPort
	}
	return ldap.DefaultLdapPort
}

// Stages of opening a connection, which a probe tells apart.
const (
	stageConnect = "connect"
	stageTLS     = "tls"
	stageBind    = "bind"
)

// stageError says how far it came.
type stageError struct {
	stage, url string
	err        error
}

func (e *stageError) Error() string { return fmt.Sprintf("%s: %s: %v", e.url, e.stage, e.err) }
func (e *stageError) Unwrap() error { return e.err }

// errRefusedAccount says that the directory does not take the account that searches: trouble of the store, and nobody's wrong
// password.
var errRefusedAccount = errors.New("the directory refuses bind_dn with its password")

// line is one connection to a server. One caller at a time.
type line struct {
	conn   *ldap.Conn
	meter  *meter
	server *target
	rested time.Time // when it was put back
}

// meter bounds how much is read.
type meter struct {
	net.Conn
	left atomic.Int64
}

// Read fails when an answer grows too large; what was read of it is all that was kept.
func (m *meter) Read(b []byte) (int, error) {
	n, err := m.Conn.Read(b)
	if m.left.Add(-int64(n)) < 0 {
		return 0, fmt.Errorf("an answer has more than %d bytes", maxAnswer)
	}
	return n, err
}

// open connects, with TLS where that is declared, within connect_timeout.
func (t *target) open(ctx context.Context) (l *line, err error) {
	ctx, cancel := context.WithTimeout(ctx, t.cfg.Settings.ConnectTimeout.D())
	defer cancel()
	raw, err := t.cfg.Dial(ctx, "tcp", t.address)
	if err != nil {
		return nil, &stageError{stageConnect, t.url, err}
	}
	m := &meter{Conn: raw}
	m.left.Store(maxAnswer)
	if l, err = t.secured(ctx, m); err != nil {
		_ = raw.Close() // it is of no use
		return nil, &stageError{stageTLS, t.url, err}
	}
	return l, nil
}

func (t *target) secured(ctx context.Context, m *meter) (*line, error) {
	if t.secure {
		c := tls.Client(m, t.tls)
		if err := c.HandshakeContext(ctx); err != nil {
			return nil, err
		}
		l := &line{conn: ldap.NewConn(c, true), meter: m, server: t}
		l.conn.Start()
		return l, nil
	}
	l := &line{conn: ldap.NewConn(m, false), meter: m, server: t}
	l.conn.Start()
	if t.startTLS {
		if err := l.within(ctx, t.cfg.Settings.ConnectTimeout.D(), func(c *ldap.Conn) error { return c.StartTLS(t.tls.Clone()) }); err != nil {
			l.close()
			return nil, err
		}
	}
	return l, nil
}

// searcher opens a connection that may search.
func (t *target) searcher(ctx context.Context) (*line, error) {
	l, err := t.open(ctx)
	if err != nil || t.cfg.Settings.BindDN == "" {
		return l, err
	}
	err = l.within(ctx, t.cfg.Settings.ConnectTimeout.D(), func(c *ldap.Conn) error {
		if t.cfg.Password == "" { // it would be a bind as nobody, which many directories take
			return errRefusedAccount
		}
		return c.Bind(t.cfg.Settings.BindDN, t.cfg.Password)
	})
	if err != nil {
		l.close()
		if refusesBind(err) {
			err = fmt.Errorf("%w: %s", errRefusedAccount, reason(err))
		}
		return nil, &stageError{stageBind, t.url, err}
	}
	return l, nil
}

// ask makes one request, within request_timeout.
func (l *line) ask(ctx context.Context, request func(*ldap.Conn) error) error {
	return l.within(ctx, l.server.cfg.Settings.RequestTimeout.D(), request)
}

// within makes one request and cuts the line when its time is over or ctx ends: the library's requests know neither.
func (l *line) within(ctx context.Context, limit time.Duration, request func(*ldap.Conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	l.meter.left.Store(maxAnswer)
	stop := context.AfterFunc(ctx, func() { _ = l.meter.Close() })
	err := request(l.conn)
	if !stop() { // the line is cut, whatever the request came to
		return fmt.Errorf("no answer in time: %w", errors.Join(context.Cause(ctx), err))
	}
	return err
}

// close ends the connection, at once and without a word: an orderly end could wait for the other side.
func (l *line) close() {
	_ = l.meter.Close()
	_ = l.conn.Close()
}
