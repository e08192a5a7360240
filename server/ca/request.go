package ca

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"net"
	"slices"
	"strings"

	"go.step.sm/crypto/x509util"
)

const (
	maxRequestBytes = 16 << 10 // a request with 64 names and an RSA key of 8,192 bits is well below
	minRSABits      = 2048
	maxRSABits      = 8192
)

// newRequest makes a certificate request with exactly the names of s.
func newRequest(s shape, key crypto.Signer) (*x509.CertificateRequest, error) {
	dns, ips, _, uris := x509util.SplitSANs(s.names)
	t := &x509.CertificateRequest{Subject: pkix.Name{CommonName: s.common}, DNSNames: dns, IPAddresses: []net.IP(ips), URIs: uris}
	der, err := x509.CreateCertificateRequest(rand.Reader, t, key)
	if err != nil {
		return nil, fmt.Errorf("create request: %w", err)
	}
	return x509.ParseCertificateRequest(der)
}

// parseRequest reads a request that somebody else made, and believes nothing it says: size, form, key, signature and names
// are looked at before anything is done with it. The cheap looks come first.
func parseRequest(text string) (*x509.CertificateRequest, error) {
	if len(text) > maxRequestBytes {
		return nil, invalid("/csr_pem", "is longer than 16 KiB")
	}
	if strings.Contains(text, "PRIVATE KEY-----") {
		return nil, invalid("/csr_pem", "holds a private key; give the request alone, and replace that key, as it has left its place")
	}
	block, rest := pem.Decode([]byte(text))
	if block == nil || (block.Type != "CERTIFICATE REQUEST" && block.Type != "NEW CERTIFICATE REQUEST") || strings.TrimSpace(string(rest)) != "" {
		return nil, invalid("/csr_pem", "has to be exactly one PEM block CERTIFICATE REQUEST")
	}
	r, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, invalid("/csr_pem", "is no certificate request that can be read")
	}
	return r, checkRequest(r)
}

func checkRequest(r *x509.CertificateRequest) error {
	if detail := keyFault(r.PublicKey); detail != "" {
		return invalid("/csr_pem", detail)
	}
	if asksForAuthority(r) {
		return invalid("/csr_pem", "asks for a certificate authority; only leaves are issued")
	}
	if len(r.EmailAddresses) > 0 {
		return invalid("/csr_pem", "holds an e-mail address; no profile has one")
	}
	switch r.SignatureAlgorithm {
	case x509.SHA1WithRSA, x509.ECDSAWithSHA1, x509.DSAWithSHA1, x509.MD5WithRSA:
		return invalid("/csr_pem", "is signed over a hash that is broken; use SHA-256")
	}
	if err := r.CheckSignature(); err != nil {
		return invalid("/csr_pem", "is not signed by the key it is for")
	}
	return nil
}

// keyFault says what is wrong with a public key; "" when it is taken.
func keyFault(key any) string {
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		if k.Curve == elliptic.P256() || k.Curve == elliptic.P384() || k.Curve == elliptic.P521() {
			return ""
		}
	case ed25519.PublicKey:
		return ""
	case *rsa.PublicKey:
		if n := k.N.BitLen(); n >= minRSABits && n <= maxRSABits && k.E >= 65537 {
			return ""
		}
		return "has an RSA key that is not taken: 2,048 to 8,192 bits and an exponent of at least 65537"
	}
	return "has a key that is not taken: use ECDSA (P-256, P-384, P-521), Ed25519 or RSA"
}

var basicConstraints = asn1.ObjectIdentifier{2, 5, 29, 19}

// asksForAuthority says whether a request wants to be an authority. It would not become one, but who asks is told.
func asksForAuthority(r *x509.CertificateRequest) bool {
	for _, e := range r.Extensions {
		var c struct {
			IsCA       bool `asn1:"optional"`
			MaxPathLen int  `asn1:"optional,default:-1"`
		}
		if !e.Id.Equal(basicConstraints) {
			continue
		}
		if rest, err := asn1.Unmarshal(e.Value, &c); err != nil || len(rest) > 0 || c.IsCA {
			return true
		}
	}
	return false
}

// requestNames are the DNS, IP and URI names of r in the one spelling, sorted.
func requestNames(r *x509.CertificateRequest) []string {
	out := make([]string, 0, len(r.DNSNames)+len(r.IPAddresses)+len(r.URIs))
	for _, n := range r.DNSNames {
		out = append(out, strings.ToLower(n))
	}
	for _, ip := range r.IPAddresses {
		out = append(out, ip.String())
	}
	for _, u := range r.URIs {
		out = append(out, u.String())
	}
	slices.Sort(out)
	return out
}
