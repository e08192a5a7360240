package ca

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// Authority is an open certificate authority. All methods are safe for concurrent use.
type Authority struct {
	config   Config
	held     atomic.Pointer[identity]
	backend  backend
	own      []ownLeaf
	changes  changes
	rotating sync.Mutex // one step of a rotation at a time

	issuing sync.Mutex // one issue or renewal of an own leaf at a time
	peer    atomic.Pointer[tls.Certificate]
	web     atomic.Pointer[tls.Certificate]

	revoked revoked
	formers formers
	listing sync.Mutex // one new revocation list at a time
	list    atomic.Pointer[List]

	listTrouble atomic.Pointer[error] // why the latest list could not be had; nil when it could
	leafTrouble atomic.Pointer[error] // the same of the leaves
}

// Open opens the authority of c.ClusterID. At the first start it makes root and issuing certificate, or fetches an external
// authority's root; it issues the leaves
// that are missing, near their end, or made for other names. It fails, rather than make a second root, when the store
// holds another cluster's authority or keys that the wrapper cannot open.
func Open(ctx context.Context, c Config) (*Authority, error) {
	c, err := c.normal()
	if err != nil {
		return nil, err
	}
	a := &Authority{config: c, own: []ownLeaf{peerLeaf(c), webLeaf(c)}}
	if err := a.openBackend(ctx); err != nil {
		return nil, err
	}
	if err := a.openRecords(ctx); err != nil {
		return nil, fmt.Errorf("open authority: %w", errors.Join(err, a.Close()))
	}
	return a, nil
}

func (a *Authority) openBackend(ctx context.Context) error {
	if a.config.External != nil {
		e, err := openExternal(ctx, a.config)
		if err != nil {
			return err
		}
		a.held.Store(&identity{sequence: e.anchor.sequence, root: signer{cert: e.anchor.root}})
		a.backend = e
		return nil
	}
	if err := passSequence(ctx, a.config); err != nil {
		return err
	}
	id, err := openIdentity(ctx, a.config)
	if err != nil {
		return err
	}
	a.held.Store(id)
	e, err := openEmbedded(a.identity)
	if err == nil {
		a.backend = e
	}
	return err
}

// openRecords brings what is kept into force: revocations first, so that nothing that was revoked is used again.
func (a *Authority) openRecords(ctx context.Context) error {
	if err := a.loadRevocations(ctx); err != nil {
		return err
	}
	if err := a.openList(ctx); err != nil {
		return err
	}
	// What an earlier process left unfinished will not be finished. All of it: a clock that went back is no reason to wait.
	if err := a.sweep(ctx, a.config.Clock.Now().AddDate(100, 0, 0)); err != nil {
		a.config.Logger.WarnContext(ctx, "unfinished certificates not swept up", "error", err)
	}
	for _, l := range a.own {
		if err := a.openLeaf(ctx, l); err != nil {
			return fmt.Errorf("open %s leaf: %w", l.name, err)
		}
	}
	return nil
}

// identity is what is in force now. Ask once for each piece of work: a rotation replaces it.
func (a *Authority) identity() *identity { return a.held.Load() }

// Roots are the certificates that partners are to trust, newest last: two while the root is rotated.
func (a *Authority) Roots() []*x509.Certificate { return a.identity().roots() }

// PeerCertificate is the current leaf of the peer listener and of calls to partners, with its issuing certificate. Ask for
// each handshake: it is replaced by Run.
func (a *Authority) PeerCertificate() *tls.Certificate { return a.peer.Load() }

// WebCertificate is the current leaf of the admin and runtime listeners, with its issuing certificate.
func (a *Authority) WebCertificate() *tls.Certificate { return a.web.Load() }

// Close ends the authority; the store stays open. Further calls do nothing.
func (a *Authority) Close() error { return a.backend.Close() }

// current is where the leaf l is published.
func (a *Authority) current(l ownLeaf) *atomic.Pointer[tls.Certificate] {
	if l.name == peerName {
		return &a.peer
	}
	return &a.web
}
