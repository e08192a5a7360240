package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// credentials are the floor's certificate and the load's: one throw-away root, and a leaf that both show.
type credentials struct {
	rootFile, certFile, keyFile string
	pool                        *x509.CertPool
	leaf                        tls.Certificate
}

// newCredentials makes them of the same sort as a data center's own: P-256.
func newCredentials(dir string) (*credentials, error) {
	return makeCredentials(dir, func(*x509.Certificate) {})
}

func makeCredentials(dir string, change func(leaf *x509.Certificate)) (*credentials, error) {
	c := &credentials{rootFile: filepath.Join(dir, "root.pem"), certFile: filepath.Join(dir, "leaf.pem"), keyFile: filepath.Join(dir, "leaf.key"), pool: x509.NewCertPool()}
	now := time.Now()
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bench root"}, NotBefore: now.Add(-time.Minute), NotAfter: now.Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "bench"}, NotBefore: root.NotBefore, NotAfter: root.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	change(leaf)
	rootKey, err1 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	key, err2 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err := errors.Join(err1, err2); err != nil {
		return nil, fmt.Errorf("make keys: %w", err)
	}
	rootDER, err1 := x509.CreateCertificate(rand.Reader, root, root, &rootKey.PublicKey, rootKey)
	leafDER, err2 := x509.CreateCertificate(rand.Reader, leaf, root, &key.PublicKey, rootKey)
	keyDER, err3 := x509.MarshalPKCS8PrivateKey(key)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, fmt.Errorf("make certificates: %w", err)
	}
	if err := errors.Join(writePEM(c.rootFile, "CERTIFICATE", rootDER), writePEM(c.certFile, "CERTIFICATE", leafDER), writePEM(c.keyFile, "PRIVATE KEY", keyDER)); err != nil {
		return nil, err
	}
	rootPEM, err := os.ReadFile(c.rootFile)
	if err != nil {
		return nil, fmt.Errorf("read root: %w", err)
	}
	c.pool.AppendCertsFromPEM(rootPEM)
	c.leaf, err = tls.LoadX509KeyPair(c.certFile, c.keyFile)
	return c, err
}

func writePEM(file, kind string, der []byte) error {
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	return nil
}
