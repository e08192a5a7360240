package client

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// identityAge is how long the files of an identity are taken to be unchanged.
const identityAge = time.Second

// Identity is the client certificate that clients show, with its key. It can be exchanged while they work: each then opens new
// connections, and those that are open carry what they have begun and nothing more, so that no request fails. A server verifies the
// certificate that a connection began with, at each request. Safe for concurrent use, by several clients too.
type Identity struct {
	certFile, keyFile string // "" = it changes by Set only

	mu      sync.Mutex // guards the rest
	pair    *tls.Certificate
	number  uint64    // of pair; a new one gets the next
	changed time.Time // of certFile when pair was read
	looked  time.Time
}

// NewIdentity is an identity that changes by Set only.
func NewIdentity(pair tls.Certificate) *Identity { return &Identity{pair: &pair, number: 1} }

// FileIdentity is an identity that is read again when its certificate's file has changed, within a second of the next request. While
// what is there cannot be read, or is half of a renewal, the former certificate stays in use.
func FileIdentity(certFile, keyFile string) (*Identity, error) {
	i := &Identity{certFile: certFile, keyFile: keyFile}
	if err := i.read(); err != nil {
		return nil, err
	}
	return i, nil
}

// Set exchanges the certificate.
func (i *Identity) Set(pair tls.Certificate) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.pair, i.number = &pair, i.number+1
}

// Leaf is the certificate in use.
func (i *Identity) Leaf() *x509.Certificate {
	pair, _ := i.current(time.Now())
	return pair.Leaf
}

// current gives the pair in use and its number.
func (i *Identity) current(now time.Time) (*tls.Certificate, uint64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if age := now.Sub(i.looked); i.certFile != "" && (age < 0 || age >= identityAge) {
		i.looked = now
		if info, err := os.Stat(i.certFile); err == nil && !info.ModTime().Equal(i.changed) {
			_ = i.read() // the former one stays
		}
	}
	return i.pair, i.number
}

// Refresh reads the files again at once, as after SavePair. On an error the former certificate stays.
func (i *Identity) Refresh() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.read()
}

func (i *Identity) read() error {
	info, err := os.Stat(i.certFile)
	if err != nil {
		return fmt.Errorf("read client certificate: %w", err)
	}
	pair, err := tls.LoadX509KeyPair(i.certFile, i.keyFile)
	if err != nil { // SavePair may have been cut off between its two steps
		next, wrong := tls.LoadX509KeyPair(i.certFile+nextSuffix, i.keyFile)
		if wrong != nil {
			return fmt.Errorf("read client certificate and key: %w", err)
		}
		pair = next
	}
	i.pair, i.changed, i.number = &pair, info.ModTime(), i.number+1
	return nil
}

// IdentityFromPEM is an identity of two PEM texts; nil when both are "". No error repeats either of them.
func IdentityFromPEM(certPEM, keyPEM string) (*Identity, error) {
	switch {
	case certPEM == "" && keyPEM == "":
		return nil, nil //nolint:nilnil // none is a valid choice
	case certPEM == "":
		return nil, errors.New("a client key without its certificate; give both")
	case keyPEM == "":
		return nil, errors.New("a client certificate without its key; give both")
	}
	pair, err := tls.X509KeyPair([]byte(certPEM), []byte(keyPEM))
	if err != nil {
		return nil, fmt.Errorf("read client certificate and key: %w", err)
	}
	return NewIdentity(pair), nil
}
