package ca

import (
	"context"
	"crypto/x509"
	"math/big"
	"slices"
	"time"
)

// backend is what signs. The authority in front of it decides what may be signed, records it before and after, and answers
// for it; a backend only does what an order says. All methods are safe for concurrent use and end with their context.
type backend interface {
	// Issuers are the issuing certificates, the one that signs now first, up to but not including a root.
	Issuers() []*x509.Certificate
	// Sign gives the certificate that o describes, and the issuing certificates above it. A second call with the same
	// order is refused. The serial is o.serial unless the backend chooses its own. An error that is errUncertain leaves
	// open whether it was signed.
	Sign(ctx context.Context, o order) ([]*x509.Certificate, error)
	// Revoke tells the backend of certificates that the authority has recorded as revoked. It may be called again
	// for the same ones.
	Revoke(ctx context.Context, ends []Revocation) error
	// CRL gives a signed list (DER) of what is revoked. A backend that keeps a list of its own may give that one.
	CRL(ctx context.Context, l revocationList) ([]byte, error)
	// Close ends it. Further calls do nothing.
	Close() error
}

// order is one certificate that is to be signed: checked against its profile, with its intent on stable storage.
type order struct {
	serial    *big.Int
	shape     shape
	notBefore time.Time
	notAfter  time.Time
	request   *x509.CertificateRequest // its signature was verified, and it carries exactly the names of the shape
}

// fits says whether c is what was ordered, nothing missing and nothing more, whoever signed it. A backend may date it back
// further: that is for others' clocks, and lets nobody use it for longer.
func (o order) fits(c *x509.Certificate) bool {
	return sameKey(c.PublicKey, o.request.PublicKey) && o.shape.fits(c) &&
		!c.NotAfter.After(o.notAfter) && !c.NotBefore.Before(o.notBefore.Add(-backdate))
}

// shape is what a certificate says and for what it may be used.
type shape struct {
	id     string   // by which revocation finds it: its URI; of a web server, the first name as people gave it
	common string   // subject common name; informs people, decides nothing
	names  []string // DNS names, IP addresses and URIs, sorted
	usage  []x509.ExtKeyUsage
}

// fits says whether a certificate has the names and usages of the shape. The subject decides nothing and is not looked at.
func (s shape) fits(c *x509.Certificate) bool {
	return len(c.EmailAddresses) == 0 && slices.Equal(certificateNames(c), s.names) &&
		!c.IsCA && c.KeyUsage == x509.KeyUsageDigitalSignature &&
		slices.Equal(c.ExtKeyUsage, s.usage) && len(c.UnknownExtKeyUsage) == 0
}

// certificateNames are the DNS, IP and URI names of c, sorted.
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

// Revocation is the end of one certificate before its time.
type Revocation struct {
	Serial   string    `json:"serial"` // lower-case hex without leading zeros
	Reason   Reason    `json:"reason"`
	At       time.Time `json:"at"`
	NotAfter time.Time `json:"not_after"` // of the certificate; the list forgets it some time later
}

// revocationList is what a CRL says.
type revocationList struct {
	number     uint64
	thisUpdate time.Time
	nextUpdate time.Time
	entries    []Revocation // by serial
}
