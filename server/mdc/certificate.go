package mdc

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/concord-access/terraform-provider-concord/internal/privatekey"
)

// Kinds of trusted certificates.
const (
	CertificateRoot         = "root"         // a CA that signed itself
	CertificateIntermediate = "intermediate" // a CA signed by another
	CertificateServer       = "server"       // no CA: trusted as it is
)

// ParseCertificates reads 1 to 8 PEM certificates. A private key, anything that is no certificate, and text between the
// blocks are refused; the error never repeats the input, so a pasted key is not logged (SEC-68).
func ParseCertificates(text string) ([]*x509.Certificate, error) {
	if len(text) > MaxTrustedPEM {
		return nil, fmt.Errorf("is longer than %d bytes", MaxTrustedPEM)
	}
	if privatekey.In(text) {
		return nil, errors.New("holds a private key; give the certificate only, and consider that key as exposed")
	}
	var out []*x509.Certificate
	for rest := bytes.TrimSpace([]byte(text)); len(rest) > 0; rest = bytes.TrimSpace(rest) {
		block, after := pem.Decode(rest)
		if block == nil || !bytes.HasPrefix(rest, []byte("-----BEGIN ")) {
			return nil, errors.New("is not PEM; it starts with -----BEGIN CERTIFICATE-----")
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("holds a PEM block that is no certificate (%q)", clip(block.Type))
		}
		if privatekey.In(string(block.Bytes)) {
			return nil, errors.New("holds a private key; give the certificate only, and consider that key as exposed")
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d cannot be read: %w", len(out)+1, err)
		}
		if out = append(out, cert); len(out) > 8 {
			return nil, errors.New("holds more than 8 certificates")
		}
		rest = after
	}
	if len(out) == 0 {
		return nil, errors.New("holds no certificate")
	}
	return out, nil
}

// CertificateType is root, intermediate or server.
func CertificateType(c *x509.Certificate) string {
	switch {
	case !c.IsCA:
		return CertificateServer
	case bytes.Equal(c.RawIssuer, c.RawSubject) && c.CheckSignatureFrom(c) == nil:
		return CertificateRoot
	default:
		return CertificateIntermediate
	}
}

// Fingerprint is the lower-case hex SHA-256 of the certificate's DER.
func Fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}
