package ca

import (
	"context"
	"crypto/x509"

	"go.step.sm/crypto/x509util"
)

// SignShape orders this node's peer leaf and then asks step for a leaf of another shape, past everything but the enforcer.
func (a *Authority) SignShape(ctx context.Context, common string, names []string, usage []x509.ExtKeyUsage, times int) ([]*x509.Certificate, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	asked := shape{id: common, common: common, names: names, usage: usage}
	request, err := newRequest(asked, key)
	if err != nil {
		return nil, err
	}
	o, err := a.order(a.own[0].shape, request, a.config.LeafTTL)
	if err != nil {
		return nil, err
	}
	e := a.backend.(*embedded)
	e.gate.expect(o)
	o.shape = asked
	var chain []*x509.Certificate
	for range times {
		if chain, err = e.sign(ctx, o); err != nil {
			return nil, err
		}
	}
	return chain, nil
}

// KeepUp does what Run does beside the leaves.
func (a *Authority) KeepUp(ctx context.Context) error { return a.keepUp(ctx) }

// RevokeThere revokes at the external authority, as somebody does who goes past Concord.
func (a *Authority) RevokeThere(ctx context.Context, serial string) error {
	return a.backend.Revoke(ctx, []Revocation{{Serial: serial, Reason: ReasonUnspecified}})
}

// AgentToken is the one-time token for an agent's certificate by this request.
func (a *Authority) AgentToken(ctx context.Context, csr, name string) (string, error) {
	r, err := parseRequest(csr)
	if err != nil {
		return "", err
	}
	s, err := ProfileAgent.shape(a.config.ClusterID, name, nil)
	if err != nil {
		return "", err
	}
	o, err := a.order(s, r, a.config.LeafTTL)
	if err != nil {
		return "", err
	}
	return a.backend.(*external).signToken(ctx, o)
}

// KeepShallowRoot keeps an authority whose root takes one other below it only, as an earlier version made it.
func KeepShallowRoot(ctx context.Context, c Config) error {
	c, err := c.normal()
	if err != nil {
		return err
	}
	id, err := openIdentity(ctx, c)
	if err != nil {
		return err
	}
	shallow := *id
	t := authorityTemplate(c, "root", rootLife)
	t.MaxPathLen = 1
	if shallow.root.cert, err = x509util.CreateCertificate(t, t, id.root.key.Public(), id.root.key); err != nil {
		return err
	}
	if shallow.issuer, err = newIssuer(c, shallow.root, 1); err != nil {
		return err
	}
	raw, err := encodeIdentity(c, &shallow)
	if err == nil {
		_, err = swapIdentity(ctx, c.Store, id.raw, raw)
	}
	return err
}
