package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

const (
	handshakeRounds  = 7
	handshakeTurn    = 2 * time.Second
	handshakeCallers = 8
)

// mtlsHandshake measures full mutual handshakes of TLS 1.3 at the peer listener, beside a bare Go server: the client shows both the
// same certificate, and each shows a leaf and its issuer, all on P-256. A handshake counts when the server has judged the client:
// it then refuses a line that is no HTTP, which both do in net/http, before any handler.
func mtlsHandshake(ctx context.Context, s *stage) error {
	dcs, err := s.layOut(ctx, "NYDC", 1)
	if err != nil {
		return err
	}
	_, a, err := s.server(ctx, dcs[0], dcs[0].ConfigFile)
	if err != nil {
		return err
	}
	shown, err := newCredentialsFor(s.dir, "spiffe://fake/node/fake1")
	if err != nil {
		return err
	}
	root, err := os.ReadFile(shown.rootFile)
	if err != nil {
		return fmt.Errorf("read root: %w", err)
	}
	err = errors.Join(a.put(ctx, wire.TrustedCertificate{Name: "fake", CertificatePEM: string(root), Partner: "FAKE"}, "trust", "certificates", "fake"),
		a.put(ctx, wire.Partner{ClusterID: "FAKE", AgentID: "bench", Primary: []string{"127.0.0.1:1"}}, "partners", "FAKE"))
	if err != nil {
		return err
	}
	chain := filepath.Join(s.dir, "chain.pem")
	leaf, err := os.ReadFile(shown.certFile)
	if err == nil {
		err = os.WriteFile(chain, append(leaf, root...), 0o600)
	}
	if err != nil {
		return fmt.Errorf("write chain: %w", err)
	}
	_, bare, err := s.floor(ctx, "floor-handshake", floorOrder{TLS: true, CertFile: chain, KeyFile: shown.keyFile, ClientCA: shown.rootFile, Require: true, NoTickets: true})
	if err != nil {
		return err
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{shown.leaf}, NextProtos: []string{"http/1.1"},
		InsecureSkipVerify: true} //nolint:gosec // the servers are measured: what the client would do is left out on both sides
	var rounds []pair
	for range handshakeRounds {
		ours, err := handshakes(ctx, hostOf(dcs[0].PeerURL), cfg)
		if err != nil {
			return err
		}
		floor, err := handshakes(ctx, bare, cfg)
		if err != nil {
			return err
		}
		rounds = append(rounds, pair{ours, floor})
	}
	s.report.add(judge("mtls-handshake", "1/s", rounds, goal{true, 0.9}))
	return nil
}

// handshakes gives how many a second a server makes with eight callers.
func handshakes(ctx context.Context, address string, cfg *tls.Config) (rate float64, err error) {
	var made atomic.Int64
	begin := time.Now()
	until := begin.Add(handshakeTurn)
	var group errgroup.Group
	for range handshakeCallers {
		group.Go(func() error {
			for time.Now().Before(until) {
				if err := handshake(ctx, address, cfg); err != nil {
					return err
				}
				made.Add(1)
			}
			return nil
		})
	}
	err = group.Wait()
	return float64(made.Load()) / time.Since(begin).Seconds(), err
}

func handshake(ctx context.Context, address string, cfg *tls.Config) error {
	d := tls.Dialer{NetDialer: &net.Dialer{Timeout: 10 * time.Second}, Config: cfg}
	c, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("shake hands: %w", err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return fmt.Errorf("shake hands: %w", err)
	}
	if _, err := io.WriteString(c, "no HTTP\r\n\r\n"); err != nil {
		return fmt.Errorf("shake hands: %w", err)
	}
	answer := make([]byte, 12)
	if _, err := io.ReadFull(c, answer); err != nil || string(answer) != "HTTP/1.1 400" {
		return fmt.Errorf("shake hands: answered %q: %w", answer, errors.Join(err, errors.New("the caller was refused")))
	}
	return nil
}

// newCredentialsFor are credentials whose leaf carries a URI name.
func newCredentialsFor(dir, name string) (*credentials, error) {
	id, err := url.Parse(name)
	if err != nil {
		return nil, fmt.Errorf("read name: %w", err)
	}
	return makeCredentials(dir, func(leaf *x509.Certificate) { leaf.URIs = []*url.URL{id} })
}
