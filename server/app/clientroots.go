package app

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
)

// clientRoots are the roots of an operator's own PKI, whose certificates a listener takes beside the data center's own: for the same
// names, compared in the same way. They are read at the start and at each reload.
type clientRoots struct {
	path    string
	current atomic.Pointer[rootSet]
}

// rootSet is one reading; its pool is replaced as a whole, never changed.
type rootSet struct {
	pool *x509.CertPool
	all  []*x509.Certificate
}

func openClientRoots(path string) (*clientRoots, error) {
	r := &clientRoots{path: path}
	return r, r.load()
}

// load reads the file again. One that cannot be read trusts nobody until it can (SEC-42): a root that was taken out of it must not
// stay because of another fault in it.
func (r *clientRoots) load() error {
	text, err := os.ReadFile(r.path)
	var all []*x509.Certificate
	if err == nil {
		all, err = certificatesIn(text)
	}
	if err != nil {
		r.current.Store(&rootSet{pool: x509.NewCertPool()})
		return fmt.Errorf("load client roots %s: %w", r.path, err)
	}
	set := &rootSet{pool: x509.NewCertPool(), all: all}
	for _, c := range all {
		set.pool.AddCert(c)
	}
	r.current.Store(set)
	return nil
}

// certificatesIn reads the certificates of a PEM file, which may hold remarks between them.
func certificatesIn(text []byte) (out []*x509.Certificate, err error) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", len(out)+1, err)
		}
		out = append(out, c)
	}
	if len(out) == 0 {
		return nil, errors.New("the file holds no certificate")
	}
	return out, nil
}

// roots gives the pool in force; nil for a listener without the file.
func (r *clientRoots) roots() *x509.CertPool {
	if r == nil {
		return nil
	}
	return r.current.Load().pool
}

// certificates gives the same one by one.
func (r *clientRoots) certificates() []*x509.Certificate {
	if r == nil {
		return nil
	}
	return r.current.Load().all
}
