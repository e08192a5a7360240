package client

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

const (
	anchorsAge = time.Second // for how long open connections are taken to be right without looking at the file
	maxAnchors = 1 << 20
)

// Anchors are the roots of a file that may change while clients work, as it does when a data center replaces its root. Each new
// connection is verified by what the file says then; connections that are open when it changes carry what they have begun and nothing
// more, so that a root that was taken out counts no longer. While the file cannot be read, or holds no certificate, the former roots
// stay in use. Safe for concurrent use, by several clients too.
type Anchors struct {
	file string

	mu     sync.Mutex // guards the rest
	pool   *x509.CertPool
	number uint64      // of pool; a new one gets the next
	of     os.FileInfo // of the file that pool was read from
	looked time.Time
}

// FileAnchors reads the roots, PEM, one after another.
func FileAnchors(file string) (*Anchors, error) {
	a := &Anchors{file: file}
	if err := a.read(); err != nil {
		return nil, err
	}
	return a, nil
}

// current gives the roots and their number, from what the file said less than age ago.
func (a *Anchors) current(now time.Time, age time.Duration) (*x509.CertPool, uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if since := now.Sub(a.looked); since < 0 || since >= age {
		a.looked = now
		if info, err := os.Stat(a.file); err == nil && !same(info, a.of) {
			_ = a.read() // the former ones stay
		}
	}
	return a.pool, a.number
}

func same(a, b os.FileInfo) bool {
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}

func (a *Anchors) read() error {
	f, err := os.Open(a.file)
	if err != nil {
		return fmt.Errorf("read roots: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("read roots: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxAnchors+1))
	if err != nil {
		return fmt.Errorf("read roots: %w", err)
	}
	pool := x509.NewCertPool()
	if len(text) > maxAnchors || !pool.AppendCertsFromPEM(text) {
		return errors.New(a.file + " holds no PEM certificate, or is longer than 1 MiB")
	}
	a.pool, a.number, a.of = pool, a.number+1, info
	return nil
}

// anchored is base with each server verified, as crypto/tls does it, by the roots that the file holds at the handshake. Sessions are
// kept for as long as the roots are.
func (a *Anchors) anchored(base *tls.Config, host string) *tls.Config {
	t := &tls.Config{}
	if base != nil {
		t = base.Clone()
	}
	if t.ClientSessionCache != nil {
		t.ClientSessionCache = tls.NewLRUClientSessionCache(8)
	}
	t.InsecureSkipVerify = true //nolint:gosec // VerifyConnection does it, with roots that may change
	t.VerifyConnection = func(s tls.ConnectionState) error {
		if len(s.PeerCertificates) == 0 {
			return errors.New("the server showed no certificate")
		}
		roots, _ := a.current(time.Now(), 0)
		between := x509.NewCertPool()
		for _, c := range s.PeerCertificates[1:] {
			between.AddCert(c)
		}
		_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, DNSName: host})
		if err != nil {
			return &tls.CertificateVerificationError{UnverifiedCertificates: s.PeerCertificates, Err: err}
		}
		return nil
	}
	return t
}
