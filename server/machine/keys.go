package machine

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"runtime"
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/identity"
)

// handshakeTime bounds one handshake.
const handshakeTime = 10 * time.Second

// hashes checks passwords as a sign-in does.
func hashes(ctx context.Context, _ string, d time.Duration) ([]Reading, error) {
	cores := runtime.GOMAXPROCS(0)
	h, err := identity.NewHasher(identity.HasherConfig{Concurrency: cores, MaxWait: Longest})
	if err != nil {
		return nil, err
	}
	n, err := repeat(ctx, cores, d, func() error { return h.Waste(ctx, "a password") })
	if err != nil {
		return nil, ended(ctx, err)
	}
	return []Reading{rate("password sign-ins", n, 10, "argon2id with 19 MiB on every core; nothing else limits sign-ins as much")}, nil
}

// signatures signs as assertions and certificates are signed.
func signatures(ctx context.Context, _ string, d time.Duration) ([]Reading, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	sum := sha256.Sum256([]byte("what is signed"))
	n, err := repeat(ctx, runtime.GOMAXPROCS(0), d, func() error {
		_, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
		return err
	})
	return []Reading{rate("signatures", n, 2000, "ECDSA P-256 on every core: an assertion or a certificate takes one")}, err
}

// handshakes makes full handshakes of TLS 1.3 in which both sides show a certificate, over loopback.
func handshakes(ctx context.Context, _ string, d time.Duration) (out []Reading, err error) {
	conf, err := mutual()
	if err != nil {
		return nil, err
	}
	inner, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	var serving sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		serving.Go(func() { serve(ctx, inner, conf) })
	}
	defer func() {
		_ = inner.Close()
		serving.Wait()
	}()
	n, err := repeat(ctx, runtime.GOMAXPROCS(0), d, func() error { return shake(ctx, inner.Addr().String(), conf) })
	if err != nil {
		return nil, ended(ctx, err)
	}
	return []Reading{rate("mutual TLS handshakes", n, 100, "new connections of agents and data centers; a kept one needs none")}, nil
}

// serve answers one connection after another with a byte, until the listener closes.
func serve(ctx context.Context, l net.Listener, conf *tls.Config) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		_ = c.SetDeadline(time.Now().Add(handshakeTime))
		secured := tls.Server(c, conf)
		if secured.HandshakeContext(ctx) == nil {
			_, _ = secured.Write([]byte{1})
		}
		_ = secured.Close()
	}
}

func shake(ctx context.Context, address string, conf *tls.Config) (err error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	c, err := (&tls.Dialer{Config: conf}).DialContext(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("shake hands: %w", err)
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if err := c.SetDeadline(time.Now().Add(handshakeTime)); err != nil {
		return fmt.Errorf("shake hands: %w", err)
	}
	if _, err := c.Read(make([]byte, 1)); err != nil { // by then the server has judged the certificate
		return fmt.Errorf("shake hands: %w", err)
	}
	return nil
}

// mutual gives a configuration that both sides use: one certificate that is its own root.
func mutual() (*tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	now := time.Now()
	form := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bench"}, DNSNames: []string{"bench"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return &tls.Config{MinVersion: tls.VersionTLS13, ServerName: "bench", RootCAs: roots, ClientCAs: roots, ClientAuth: tls.RequireAndVerifyClientCert,
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key, Leaf: parsed}}, SessionTicketsDisabled: true}, nil
}
