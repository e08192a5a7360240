package ca

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/store"
)

// leafKey is where the leaf of profile p of this node is kept, with its key, so that a restart goes on with it.
func (a *Authority) leafKey(p profile) string {
	return "ca/leaf/" + strings.ToLower(a.config.NodeName) + "/" + p.name
}

func (a *Authority) leafPlace(p profile) string {
	return "leaf/" + strings.ToLower(a.config.NodeName) + "/" + p.name
}

// openLeaf goes on with the kept leaf if it is still right, and issues one otherwise.
func (a *Authority) openLeaf(ctx context.Context, p profile) error {
	kept, err := a.loadLeaf(ctx, p)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		// A leaf is cheap: what cannot be opened is replaced. The root, which is not, was opened before.
		a.config.Logger.WarnContext(ctx, "kept leaf is not usable", "leaf", p.name, "error", err)
	}
	if err == nil && a.usable(p, kept.cert) {
		a.current(p).Store(a.chain(kept))
		return nil
	}
	return a.issue(ctx, p)
}

func (a *Authority) loadLeaf(ctx context.Context, p profile) (signer, error) {
	raw, err := readKey(ctx, a.config.Store, a.leafKey(p))
	if err != nil {
		return signer{}, fmt.Errorf("read leaf: %w", err)
	}
	var pair sealedPair
	if err := json.Unmarshal(raw, &pair); err != nil {
		return signer{}, fmt.Errorf("decode leaf: %w", err)
	}
	return unseal(a.config, a.leafPlace(p), pair)
}

// usable says whether a leaf has the shape, the issuer and the life that one issued now would have.
func (a *Authority) usable(p profile, c *x509.Certificate) bool {
	now := a.config.Clock.Now()
	return p.fits(c) && a.verify(p, c) == nil && now.Before(renewAt(c)) && c.NotAfter.Sub(now) <= a.config.LeafTTL
}

// issue signs a leaf for a new key, keeps it, and only then publishes it.
func (a *Authority) issue(ctx context.Context, p profile) error {
	a.issuing.Lock()
	defer a.issuing.Unlock()
	key, err := newKey()
	if err != nil {
		return err
	}
	request, err := newRequest(p, key)
	if err != nil {
		return err
	}
	chain, err := a.sign(ctx, p, request)
	if err != nil {
		return err
	}
	leaf := signer{cert: chain[0], key: key}
	if err := a.verify(p, leaf.cert); err != nil {
		return fmt.Errorf("verify new leaf: %w", err)
	}
	if err := a.saveLeaf(ctx, p, leaf); err != nil {
		return err
	}
	a.current(p).Store(a.chain(leaf))
	a.config.Logger.InfoContext(ctx, "certificate issued", "leaf", p.name, "serial", leaf.cert.SerialNumber.String(), "not_after", leaf.cert.NotAfter)
	return nil
}

func (a *Authority) saveLeaf(ctx context.Context, p profile, s signer) error {
	pair, err := seal(a.config, a.leafPlace(p), s)
	if err != nil {
		return err
	}
	raw, err := json.Marshal(pair)
	if err != nil {
		return fmt.Errorf("encode leaf: %w", err)
	}
	err = a.config.Store.Update(ctx, func(w store.Writer) error { return w.Put([]byte(a.leafKey(p)), raw, 0) })
	if err != nil {
		return fmt.Errorf("write leaf: %w", err)
	}
	return nil
}

// verify checks a leaf as a partner will, so that trouble with clock or name constraints shows here first.
func (a *Authority) verify(p profile, c *x509.Certificate) error {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(a.identity.root.cert)
	between.AddCert(a.identity.issuer.cert)
	_, err := c.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, KeyUsages: p.usage, CurrentTime: a.config.Clock.Now()})
	return err
}

func (a *Authority) chain(s signer) *tls.Certificate {
	return &tls.Certificate{Certificate: [][]byte{s.cert.Raw, a.identity.issuer.cert.Raw}, PrivateKey: s.key, Leaf: s.cert}
}

// renewAt is two thirds into the life of c.
func renewAt(c *x509.Certificate) time.Time {
	return c.NotBefore.Add(c.NotAfter.Sub(c.NotBefore) * 2 / 3)
}

// RootsPEM is Roots as PEM, one after another: what a partner declares as its trusted certificate.
func (a *Authority) RootsPEM() string {
	var b strings.Builder
	for _, c := range a.Roots() {
		b.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	return b.String()
}
