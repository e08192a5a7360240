package ca

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

const maxChain = 8 // certificates in an answer

// signRequest and the others are step-ca's own JSON.
type signRequest struct {
	Request  string    `json:"csr"`
	Token    string    `json:"ott"`
	NotAfter time.Time `json:"notAfter"`
}

type signAnswer struct {
	Certificate string   `json:"crt"`
	Authority   string   `json:"ca"`
	Chain       []string `json:"certChain"`
}

type revokeRequest struct {
	Serial     string `json:"serial"` // decimal
	Token      string `json:"ott"`
	ReasonCode int    `json:"reasonCode"`
	Reason     string `json:"reason"`
	Passive    bool   `json:"passive"` // the only way that step-ca has
}

// chain is the leaf and the issuing certificates above it. A root that the CA adds is left out.
func (a signAnswer) chain() ([]*x509.Certificate, error) {
	texts := a.Chain
	if len(texts) == 0 {
		texts = []string{a.Certificate, a.Authority}
	}
	out, err := parseChain(texts)
	if err != nil {
		return nil, err
	}
	out = slices.DeleteFunc(out, func(c *x509.Certificate) bool { return c.IsCA && c.CheckSignatureFrom(c) == nil })
	if len(out) < 2 {
		return nil, errors.New("decode certificate: the answer has no chain")
	}
	return out, nil
}

func parseChain(texts []string) (out []*x509.Certificate, err error) {
	if len(texts) > maxChain {
		return nil, fmt.Errorf("decode certificates: more than %d of them", maxChain)
	}
	for _, text := range texts {
		c, err := parseCertificatePEM(text)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

func parseCertificatePEM(text string) (*x509.Certificate, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("decode certificate: no PEM certificate")
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("decode certificate: %w", err)
	}
	return c, nil
}

func pemOf(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// check lets nothing through but what was ordered, signed below the pinned root, and not outliving who signed it.
func (e *external) check(o order, chain []*x509.Certificate) error {
	if err := e.unlike(o, chain[0]); err != nil {
		return err
	}
	for _, issuer := range chain[1:] {
		if chain[0].NotAfter.After(issuer.NotAfter) {
			e.issuers.Store(new(chain[1:])) // the next order ends in time
			return fault.New(fault.Conflict, "ca_outlived", "The certificate authority %s signed a certificate that outlives its issuer, which ends at %s. Ask again.", e.config.URL, issuer.NotAfter.UTC().Format(time.RFC3339))
		}
	}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(e.anchor.root)
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	if _, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, KeyUsages: o.shape.usage, CurrentTime: e.clock.Now()}); err != nil {
		f := fault.New(fault.Conflict, "ca_not_proved", "The certificate authority %s signed a certificate that does not lead to the root whose fingerprint is configured, or is not valid yet by this node's clock.", e.config.URL)
		f.Err = err
		return f
	}
	return nil
}

// learn keeps who signs there now. Failing to is no reason to refuse the certificate: it brings its chain along.
func (e *external) learn(ctx context.Context, issuers []*x509.Certificate) {
	if slices.EqualFunc(e.Issuers(), issuers, (*x509.Certificate).Equal) {
		return
	}
	e.issuers.Store(&issuers)
	fresh := *e.anchor
	fresh.issuers = issuers
	if err := e.keep(ctx, &fresh); err != nil {
		e.logger.WarnContext(ctx, "the issuing certificates of the external authority could not be kept", "error", err)
	}
}
