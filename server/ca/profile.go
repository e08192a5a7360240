package ca

import (
	"crypto/x509"
	"errors"
	"net/url"
	"slices"
	"strings"
)

const (
	peerName = "peer"
	webName  = "web"
)

// profile is the shape of one of the two leaves.
type profile struct {
	name   string // peer or web
	common string // subject common name; informs people, decides nothing
	names  []string
	usage  []x509.ExtKeyUsage
	labels []string // usage as step's template spells it
}

func peerProfile(c Config) profile {
	id := url.URL{Scheme: "spiffe", Host: strings.ToLower(c.ClusterID), Path: "/node/" + c.NodeName}
	return profile{
		name: peerName, common: c.ClusterID + " " + c.NodeName, names: []string{id.String()},
		usage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		labels: []string{"serverAuth", "clientAuth"},
	}
}

func webProfile(c Config) profile {
	return profile{
		name: webName, common: c.ClusterID + " " + c.NodeName + " web", names: c.WebNames,
		usage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		labels: []string{"serverAuth"},
	}
}

// fits says whether a certificate has exactly this shape: nothing missing and nothing more.
func (p profile) fits(c *x509.Certificate) bool {
	return c.Subject.CommonName == p.common && len(c.Subject.ToRDNSequence()) == 1 &&
		len(c.EmailAddresses) == 0 && slices.Equal(certificateNames(c), p.names) &&
		!c.IsCA && c.KeyUsage == x509.KeyUsageDigitalSignature &&
		slices.Equal(c.ExtKeyUsage, p.usage) && len(c.UnknownExtKeyUsage) == 0
}

// certificateNames are the DNS, IP and URI names of c in the order of webNames.
func certificateNames(c *x509.Certificate) []string {
	out := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		out = append(out, ip.String())
	}
	for _, u := range c.URIs {
		out = append(out, u.String())
	}
	slices.Sort(out)
	return out
}

// enforcer is the last word on everything step is about to sign (SEC-49). It refuses every shape but the node's own two
// and sets the validity by our clock, clamped to the issuer: step would let a leaf outlive it.
type enforcer struct {
	config   Config
	profiles []profile
	issuer   *x509.Certificate
}

// Enforce implements provisioner.CertificateEnforcer.
func (e enforcer) Enforce(c *x509.Certificate) error {
	fits := slices.ContainsFunc(e.profiles, func(p profile) bool { return p.fits(c) })
	if !fits || len(c.ExtraExtensions) > 0 {
		return errors.New("the certificate is neither this node's peer nor its web leaf")
	}
	now := e.config.Clock.Now()
	c.NotBefore, c.NotAfter = now.Add(-backdate), now.Add(e.config.LeafTTL)
	if c.NotBefore.Before(e.issuer.NotBefore) {
		c.NotBefore = e.issuer.NotBefore
	}
	if c.NotAfter.After(e.issuer.NotAfter) {
		c.NotAfter = e.issuer.NotAfter
	}
	return nil
}
