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

const (
	peerName    = "peer"
	webLeafName = "web"
)

// ownLeaf is one of the two certificates of this node.
type ownLeaf struct {
	name    string // peer or web
	profile Profile
	shape   shape
}

func peerLeaf(c Config) ownLeaf {
	id := Identity(c.ClusterID, ProfileNode, c.NodeName)
	return ownLeaf{name: peerName, profile: ProfileNode, shape: shape{id: id,
		common: c.ClusterID + " " + c.NodeName, names: []string{id}, usage: ProfileNode.usage()}}
}

func webLeaf(c Config) ownLeaf {
	name := c.ClusterID + " " + c.NodeName + " web"
	return ownLeaf{name: webLeafName, profile: ProfileWebServer, shape: shape{id: name, common: name, names: c.WebNames, usage: ProfileWebServer.usage()}}
}

// leafKey is where the leaf l of this node is kept, with its key, so that a restart goes on with it.
func (a *Authority) leafKey(l ownLeaf) string {
	return "ca/leaf/" + strings.ToLower(a.config.NodeName) + "/" + l.name
}

func (a *Authority) leafPlace(l ownLeaf) string {
	return "leaf/" + strings.ToLower(a.config.NodeName) + "/" + l.name
}

// openLeaf goes on with the kept leaf if it is still right, and issues one otherwise.
func (a *Authority) openLeaf(ctx context.Context, l ownLeaf) error {
	kept, err := a.loadLeaf(ctx, l)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		// A leaf is cheap: what cannot be opened is replaced. The root, which is not, was opened before.
		a.config.Logger.WarnContext(ctx, "kept leaf is not usable", "leaf", l.name, "error", err)
	}
	if err == nil && a.usable(l, kept.cert) {
		a.current(l).Store(a.chain(kept))
		return nil
	}
	return a.issue(ctx, l)
}

func (a *Authority) loadLeaf(ctx context.Context, l ownLeaf) (signer, error) {
	raw, err := readKey(ctx, a.config.Store, a.leafKey(l))
	if err != nil {
		return signer{}, fmt.Errorf("read leaf: %w", err)
	}
	var pair sealedPair
	if err := json.Unmarshal(raw, &pair); err != nil {
		return signer{}, fmt.Errorf("decode leaf: %w", err)
	}
	return unseal(a.config, a.leafPlace(l), pair)
}

// usable says whether a leaf has the shape, the issuer and the life that one issued now would have.
func (a *Authority) usable(l ownLeaf, c *x509.Certificate) bool {
	now := a.config.Clock.Now()
	return l.shape.fits(c) && !a.Revoked(c.SerialNumber) && a.verify(l.shape, c) == nil && now.Before(renewAt(c)) && c.NotAfter.Sub(now) <= a.config.LeafTTL
}

// issue makes a leaf for a new key, keeps it together with its record, and only then publishes it.
func (a *Authority) issue(ctx context.Context, l ownLeaf) error {
	a.issuing.Lock()
	defer a.issuing.Unlock()
	request, key, err := requestFor(l.shape, "")
	if err != nil {
		return err
	}
	rec := Record{Profile: l.profile, Identity: l.shape.id, Node: a.config.NodeName, Names: l.shape.names, IssuedBy: "node:" + a.config.NodeName}
	var leaf signer
	_, err = a.produce(ctx, rec, l.shape, request, a.config.LeafTTL, act{own: true, also: func(w store.Writer, c *x509.Certificate) error {
		leaf = signer{cert: c, key: key}
		return a.saveLeaf(w, l, leaf)
	}})
	if err != nil {
		return err
	}
	a.current(l).Store(a.chain(leaf))
	a.config.Logger.InfoContext(ctx, "certificate issued", "leaf", l.name, "serial", leaf.cert.SerialNumber.String(), "not_after", leaf.cert.NotAfter)
	return nil
}

func (a *Authority) saveLeaf(w store.Writer, l ownLeaf, s signer) error {
	if err := a.verify(l.shape, s.cert); err != nil {
		return fmt.Errorf("verify new leaf: %w", err)
	}
	pair, err := seal(a.config, a.leafPlace(l), s)
	if err != nil {
		return err
	}
	raw, err := json.Marshal(pair)
	if err != nil {
		return fmt.Errorf("encode leaf: %w", err)
	}
	return w.Put([]byte(a.leafKey(l)), raw, 0)
}

// verify checks a leaf as a partner will, so that trouble with clock or name constraints shows here first.
func (a *Authority) verify(s shape, c *x509.Certificate) error {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(a.identity.root.cert)
	for _, issuer := range a.backend.Issuers() {
		between.AddCert(issuer)
	}
	_, err := c.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, KeyUsages: s.usage, CurrentTime: a.config.Clock.Now()})
	return err
}

func (a *Authority) chain(s signer) *tls.Certificate {
	raw := [][]byte{s.cert.Raw}
	for _, issuer := range a.backend.Issuers() {
		raw = append(raw, issuer.Raw)
	}
	return &tls.Certificate{Certificate: raw, PrivateKey: s.key, Leaf: s.cert}
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
