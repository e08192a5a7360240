// Package bundle reads the SPIFFE bundles by which data centers tell their roots. It is called by whoever is told some: the client that
// pins a root, pairings, the refresh between partners, the joining of a data center, the inspection of a server.
//
// It must not know whose roots they are, and nothing here makes any of them trusted: that, and whether each is sound for the data
// center that it is said to be of, is for the caller.
package bundle

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// Bounds of a bundle.
const (
	MaxSize  = 64 << 10 // bytes
	MaxRoots = 8
)

// Bundle is what a data center tells.
type Bundle struct {
	Sequence uint64              // grows when the roots change; 0 = none was told
	Roots    []*x509.Certificate // 1 to MaxRoots authorities
}

// Read reads a bundle (SPIFFE Trust Domain and Bundle, section 4): each key for X.509 names holds exactly one certificate, an
// authority's. Keys for other uses are passed over. The error is worded to follow "the bundle cannot be taken:".
func Read(raw []byte) (b Bundle, err error) {
	if len(raw) > MaxSize {
		return b, fmt.Errorf("it is longer than %d bytes", MaxSize)
	}
	var document struct {
		Keys []struct {
			Use string   `json:"use"`
			X5C [][]byte `json:"x5c"`
		} `json:"keys"`
		Sequence uint64 `json:"spiffe_sequence"`
	}
	if err := json.Unmarshal(raw, &document); err != nil {
		return b, errors.New("it is no JSON Web Key Set with certificates in base64")
	}
	b.Sequence = document.Sequence
	for _, k := range document.Keys {
		if k.Use != "x509-svid" {
			continue
		}
		if len(k.X5C) != 1 || len(b.Roots) == MaxRoots {
			return Bundle{}, fmt.Errorf("it holds more than %d roots, or not exactly one certificate for each", MaxRoots)
		}
		c, err := x509.ParseCertificate(k.X5C[0])
		if err != nil {
			return Bundle{}, errors.New("it holds a certificate that cannot be read")
		}
		if !c.BasicConstraintsValid || !c.IsCA {
			return Bundle{}, errors.New("it holds a certificate that is no authority's")
		}
		b.Roots = append(b.Roots, c)
	}
	if len(b.Roots) == 0 {
		return Bundle{}, errors.New("it holds no root")
	}
	return b, nil
}

// PEM is certificates as PEM, one after another.
func PEM(certificates []*x509.Certificate) string {
	var b strings.Builder
	for _, c := range certificates {
		b.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	return b.String()
}
