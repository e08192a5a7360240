package ca

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/smallstep/certificates/authority"
	"go.step.sm/crypto/jose"
)

// Authority is an open certificate authority. All methods are safe for concurrent use.
type Authority struct {
	config   Config
	identity *identity
	step     *authority.Authority
	token    *jose.JSONWebKey // signs the one-time tokens; lives as long as the process
	profiles []profile
	cancel   context.CancelFunc // ends what step still does with the store

	issuing sync.Mutex // one issue or renewal at a time
	peer    atomic.Pointer[tls.Certificate]
	web     atomic.Pointer[tls.Certificate]
	closing sync.Once
}

// Open opens the authority of c.ClusterID. At the first start it makes root and issuing certificate; it issues the leaves
// that are missing, near their end, or made for other names. It fails, rather than make a second root, when the store
// holds another cluster's authority or keys that the wrapper cannot open.
func Open(ctx context.Context, c Config) (*Authority, error) {
	c, err := c.normal()
	if err != nil {
		return nil, err
	}
	id, err := openIdentity(ctx, c)
	if err != nil {
		return nil, err
	}
	a := &Authority{config: c, identity: id, profiles: []profile{peerProfile(c), webProfile(c)}}
	// step calls the store without a context: give it one that outlives Open and ends with Close.
	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	a.cancel = cancel
	if err := a.startStep(base); err != nil {
		cancel()
		return nil, fmt.Errorf("start authority: %w", err)
	}
	for _, p := range a.profiles {
		if err := a.openLeaf(ctx, p); err != nil {
			return nil, fmt.Errorf("open %s leaf: %w", p.name, errors.Join(err, a.Close()))
		}
	}
	return a, nil
}

// Roots are the certificates that partners are to trust, newest last.
func (a *Authority) Roots() []*x509.Certificate { return []*x509.Certificate{a.identity.root.cert} }

// PeerCertificate is the current leaf of the peer listener and of calls to partners, with its issuing certificate. Ask for
// each handshake: it is replaced by Run.
func (a *Authority) PeerCertificate() *tls.Certificate { return a.peer.Load() }

// WebCertificate is the current leaf of the admin and runtime listeners, with its issuing certificate.
func (a *Authority) WebCertificate() *tls.Certificate { return a.web.Load() }

// Close ends the authority; the store stays open. Further calls do nothing: step's own Shutdown must not run twice.
func (a *Authority) Close() error {
	var err error
	a.closing.Do(func() {
		if err = a.step.Shutdown(); err != nil {
			err = fmt.Errorf("close authority: %w", err)
		}
		a.cancel()
	})
	return err
}

// current is where the leaf of p is published.
func (a *Authority) current(p profile) *atomic.Pointer[tls.Certificate] {
	if p.name == peerName {
		return &a.peer
	}
	return &a.web
}
