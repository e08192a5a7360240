package ca

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"time"

	"go.step.sm/crypto/jose"
)

// BundleJSON is the SPIFFE bundle of this data center: a JWK set with one x509-svid key for each root, and the sequence
// that grows when the roots change (SPIFFE Trust Domain and Bundle, section 4).
func (a *Authority) BundleJSON() (string, error) {
	bundle, _, err := a.Bundle()
	return bundle, err
}

// Bundle is BundleJSON with its sequence, both of one moment.
func (a *Authority) Bundle() (bundle string, sequence uint64, err error) {
	id := a.identity()
	document := struct {
		Keys     []jose.JSONWebKey `json:"keys"`
		Sequence uint64            `json:"spiffe_sequence"`
		Refresh  int               `json:"spiffe_refresh_hint"` // seconds
	}{Sequence: id.sequence, Refresh: int(RefreshHint / time.Second)}
	for _, root := range id.roots() {
		document.Keys = append(document.Keys, jose.JSONWebKey{Key: root.PublicKey, Use: "x509-svid", Certificates: []*x509.Certificate{root}})
	}
	raw, err := json.Marshal(document)
	if err != nil {
		return "", 0, fmt.Errorf("encode bundle: %w", err)
	}
	return string(raw), id.sequence, nil
}
