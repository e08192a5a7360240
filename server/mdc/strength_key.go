package mdc

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
)

// minRSA is the shortest RSA key that is believed, in bits (NIST SP 800-131A).
const minRSA = 2048

// WeakKey says whether a certificate's key is too short to be believed, or of a kind that nobody should use. Go's own check takes
// any length; of signatures it refuses MD5 and SHA-1 itself.
func WeakKey(c *x509.Certificate) bool {
	switch k := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return k.N.BitLen() < minRSA
	case *ecdsa.PublicKey:
		return k.Curve.Params().BitSize < 256
	case ed25519.PublicKey:
		return false
	}
	return true
}
