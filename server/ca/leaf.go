package ca

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/bundle"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

const (
	peerName    = "peer"
	webLeafName = "web"
	leafPrefix  = "ca/leaf/" // node, /, peer or web -> sealedPair

	// startLimit is how long a start waits for an external authority, for each leaf, before it goes on with what it has.
	startLimit = 3 * time.Second
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
	return leafKeyOf(a.config.NodeName, l.name)
}

func leafKeyOf(node, leaf string) string { return leafPrefix + strings.ToLower(node) + "/" + leaf }

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
	var between []*x509.Certificate
	if err == nil {
		if between, err = a.issuersOf(ctx, kept.cert); err != nil {
			return err
		}
		if a.usable(l, kept.cert, between) {
			a.current(l).Store(chain(kept, between))
			return nil
		}
	}
	if kept.cert == nil || !a.bridges(l, kept.cert, between) {
		return a.issue(ctx, l)
	}
	return a.issueOr(ctx, l, chain(kept, between))
}

// issueOr issues a leaf, or goes on with the one that is kept while an external authority is away, even one that has expired:
// nobody else believes that one, Trouble tells of it, and Run replaces it as soon as it can.
func (a *Authority) issueOr(ctx context.Context, l ownLeaf, kept *tls.Certificate) error {
	soon, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	err := a.issue(soon, l)
	if err == nil || ctx.Err() != nil {
		return err
	}
	a.leafTrouble.Store(&err)
	a.config.Logger.WarnContext(ctx, "the kept leaf stays for now", "leaf", l.name, "not_after", kept.Leaf.NotAfter, "error", err)
	a.current(l).Store(kept)
	return nil
}

// bridges says whether a leaf may stay until an external authority gives another one: it was good until it ended.
func (a *Authority) bridges(l ownLeaf, c *x509.Certificate, between []*x509.Certificate) bool {
	at := a.config.Clock.Now()
	if at.After(c.NotAfter) {
		at = c.NotAfter
	}
	return a.config.External != nil && l.shape.fits(c) && !a.Revoked(c.SerialNumber) && a.verify(l.shape, c, between, at) == nil
}

// issuersOf are the issuing certificates that c was signed with: an external authority may have others by now.
func (a *Authority) issuersOf(ctx context.Context, c *x509.Certificate) (out []*x509.Certificate, err error) {
	if a.config.External == nil {
		return a.backend.Issuers(), nil // those that go with a leaf change while the root is rotated
	}
	var rec Record
	err = a.config.Store.View(ctx, func(r store.Reader) error {
		rec, err = getRecord(r, SerialText(c.SerialNumber))
		return err
	})
	if fault.Is(err, fault.NotFound) {
		return a.backend.Issuers(), nil
	}
	if err != nil {
		return nil, err
	}
	for _, der := range rec.Chain {
		issuer, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("read issuing certificate of %s: %w", rec.Serial, err)
		}
		out = append(out, issuer)
	}
	return out, nil
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
func (a *Authority) usable(l ownLeaf, c *x509.Certificate, between []*x509.Certificate) bool {
	now := a.config.Clock.Now()
	return l.shape.fits(c) && !a.Revoked(c.SerialNumber) && a.verify(l.shape, c, between, now) == nil && now.Before(renewAt(c)) && c.NotAfter.Sub(now) <= a.config.LeafTTL
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
	a.current(l).Store(chain(leaf, a.backend.Issuers()))
	a.config.Logger.InfoContext(ctx, "certificate issued", "leaf", l.name, "serial", SerialText(leaf.cert.SerialNumber), "not_after", leaf.cert.NotAfter)
	return nil
}

func (a *Authority) saveLeaf(w store.Writer, l ownLeaf, s signer) error {
	if err := a.verify(l.shape, s.cert, a.backend.Issuers(), a.config.Clock.Now()); err != nil {
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
func (a *Authority) verify(s shape, c *x509.Certificate, between []*x509.Certificate, at time.Time) error {
	roots, pool := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(a.identity().root.cert)
	for _, issuer := range between {
		pool.AddCert(issuer)
	}
	_, err := c.Verify(x509.VerifyOptions{Roots: roots, Intermediates: pool, KeyUsages: s.usage, CurrentTime: at})
	return err
}

func chain(s signer, between []*x509.Certificate) *tls.Certificate {
	raw := [][]byte{s.cert.Raw}
	for _, issuer := range between {
		raw = append(raw, issuer.Raw)
	}
	return &tls.Certificate{Certificate: raw, PrivateKey: s.key, Leaf: s.cert}
}

// renewAt is two thirds into the life of c.
func renewAt(c *x509.Certificate) time.Time {
	return c.NotBefore.Add(c.NotAfter.Sub(c.NotBefore) * 2 / 3)
}

// RootsPEM is Roots as PEM, one after another: what a partner declares as its trusted certificate.
func (a *Authority) RootsPEM() string { return bundle.PEM(a.Roots()) }
