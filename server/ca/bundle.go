package ca

import (
	"crypto/x509"
	"encoding/json"
	"fmt"

	"go.step.sm/crypto/jose"
)

// BundleJSON is the SPIFFE bundle of this data center: a JWK set with one x509-svid key for each root, and the sequence
// that grows when the roots change (SPIFFE Trust Domain and Bundle, section 4).
func (a *Authority) BundleJSON() (string, error) {
	document := struct {
		Keys     []jose.JSONWebKey `json:"keys"`
		Sequence uint64            `json:"spiffe_sequence"`
	}{Sequence: a.identity.sequence}
	for _, root := range a.Roots() {
		document.Keys = append(document.Keys, jose.JSONWebKey{Key: root.PublicKey, Use: "x509-svid", Certificates: []*x509.Certificate{root}})
	}
	raw, err := json.Marshal(document)
	if err != nil {
		return "", fmt.Errorf("encode bundle: %w", err)
	}
	return string(raw), nil
}
