package passphrase

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
)

// Bounds of a bundle.
const (
	MaxBundle = 64 << 10 // bytes
	maxRoots  = 8
)

// roots reads the certificates of a SPIFFE bundle (SPIFFE Trust Domain and Bundle, section 4.2): each key for X.509 names holds
// exactly one, and only authorities are taken.
func roots(bundle []byte) (pemText string, err error) {
	if len(bundle) > MaxBundle {
		return "", fmt.Errorf("the bundle is longer than %d bytes", MaxBundle)
	}
	var document struct {
		Keys []struct {
			Use string   `json:"use"`
			X5C [][]byte `json:"x5c"`
		} `json:"keys"`
	}
	if err := json.Unmarshal(bundle, &document); err != nil {
		return "", errors.New("the bundle is no JSON Web Key Set")
	}
	var out bytes.Buffer
	n := 0
	for _, k := range document.Keys {
		if k.Use != "x509-svid" {
			continue
		}
		if n++; n > maxRoots || len(k.X5C) != 1 {
			return "", fmt.Errorf("the bundle has more than %d roots, or one that is not one certificate", maxRoots)
		}
		cert, err := x509.ParseCertificate(k.X5C[0])
		if err != nil || !cert.BasicConstraintsValid || !cert.IsCA {
			return "", errors.New("the bundle holds a certificate that is no authority's")
		}
		if err := pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}); err != nil {
			return "", err
		}
	}
	if n == 0 {
		return "", errors.New("the bundle holds no root")
	}
	return out.String(), nil
}
