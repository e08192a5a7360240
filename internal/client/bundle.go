package client

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"strings"
)

// Bounds of a bundle that another data center sends.
const (
	maxBundle      = 256 << 10
	maxBundleRoots = 8
)

var errNoBundle = errors.New("this is no SPIFFE bundle of a data center")

// BundleRoots reads the roots of a SPIFFE bundle (SPIFFE Trust Domain and Bundle, section 4): 1 to 8 authorities. Who they belong to is
// for the caller to know; nothing here makes them trusted.
func BundleRoots(raw []byte) (roots []*x509.Certificate, err error) {
	if len(raw) > maxBundle {
		return nil, errNoBundle
	}
	var document struct {
		Keys []struct {
			Use string   `json:"use"`
			X5C [][]byte `json:"x5c"`
		} `json:"keys"`
	}
	if err := json.Unmarshal(raw, &document); err != nil {
		return nil, errNoBundle
	}
	for _, k := range document.Keys {
		if k.Use != "x509-svid" {
			continue
		}
		if len(k.X5C) != 1 || len(roots) == maxBundleRoots {
			return nil, errNoBundle
		}
		c, err := x509.ParseCertificate(k.X5C[0])
		if err != nil || !c.IsCA || !bytes.Equal(c.RawSubject, c.RawIssuer) {
			return nil, errNoBundle
		}
		roots = append(roots, c)
	}
	if len(roots) == 0 {
		return nil, errNoBundle
	}
	return roots, nil
}

// CertificatesPEM is certificates as PEM, one after another.
func CertificatesPEM(certificates []*x509.Certificate) string {
	var b strings.Builder
	for _, c := range certificates {
		b.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	return b.String()
}
