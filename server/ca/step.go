package ca

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/smallstep/certificates/authority"
	"github.com/smallstep/certificates/authority/config"
	"github.com/smallstep/certificates/authority/provisioner"
	"github.com/smallstep/certificates/db"
	"go.step.sm/crypto/jose"
	"go.step.sm/crypto/randutil"
	"go.step.sm/crypto/x509util"
)

const (
	provisionerName = "concord"
	audience        = "https://concord.invalid/1.0/sign" // names our one use of a token; nothing listens there
	tokenLife       = time.Minute
)

// leafTemplate takes names and usages from the signed token only, never from the request.
const leafTemplate = `{
	"subject": {"commonName": {{ toJson .Subject.CommonName }}},
	"sans": {{ toJson .SANs }},
	"keyUsage": ["digitalSignature"],
	"extKeyUsage": {{ toJson .Token.usage }}
}`

// startStep builds the embedded authority. base lives until Close.
func (a *Authority) startStep(base context.Context) error {
	key, err := jose.GenerateJWK("EC", "P-256", "ES256", "sig", "", 0)
	if err != nil {
		return fmt.Errorf("generate token key: %w", err)
	}
	a.token = key
	a.step, err = authority.NewEmbedded(
		authority.WithConfig(&config.Config{
			Address: ":443", DNSNames: []string{"concord.invalid"}, CommonName: "concord.invalid",
			AuthorityConfig: &config.AuthConfig{Provisioners: provisioner.List{a.provisioner()}},
		}),
		authority.WithX509RootCerts(a.identity.root.cert),
		authority.WithX509Signer(a.identity.issuer.cert, a.identity.issuer.key),
		// step's db.DB around our tables says isUp = false, so its Shutdown leaves our store open.
		authority.WithDatabase(&db.DB{DB: &tables{base: base, store: a.config.Store, clock: a.config.Clock}}),
		authority.WithX509Enforcers(enforcer{config: a.config, profiles: a.profiles, issuer: a.identity.issuer.cert}),
		authority.WithQuietInit(),
	)
	return err
}

// provisioner takes tokens of this process only: its key is made at each start and never leaves memory.
func (a *Authority) provisioner() *provisioner.JWK {
	public := a.token.Public()
	ttl := &provisioner.Duration{Duration: a.config.LeafTTL}
	off, on := false, true
	return &provisioner.JWK{
		Type: "JWK", Name: provisionerName, Key: &public,
		Claims: &provisioner.Claims{
			MinTLSDur: ttl, MaxTLSDur: ttl, DefaultTLSDur: ttl,
			DisableRenewal: &on, EnableSSHCA: &off,
			DisableSmallstepExtensions: &on, // a leaf tells nothing about how it was issued
		},
		Options: &provisioner.Options{X509: &provisioner.X509Options{Template: leafTemplate}},
	}
}

// sign lets step issue a leaf of profile p for key: a one-time token, then the request it allows. step records the
// certificate in its tables before it answers.
func (a *Authority) sign(ctx context.Context, p profile, request *x509.CertificateRequest) ([]*x509.Certificate, error) {
	token, err := a.mint(p)
	if err != nil {
		return nil, err
	}
	ctx = provisioner.NewContextWithMethod(authority.NewContext(ctx, a.step), provisioner.SignMethod)
	options, err := a.step.Authorize(ctx, token)
	if err != nil {
		return nil, fmt.Errorf("authorize request: %w", err)
	}
	chain, err := a.step.SignWithContext(ctx, request, provisioner.SignOptions{}, options...)
	if err != nil {
		return nil, fmt.Errorf("sign certificate: %w", err)
	}
	return chain, nil
}

// mint makes a one-time token. Its times are the machine's, not the injected clock's: step reads the machine's clock.
func (a *Authority) mint(p profile) (string, error) {
	id, err := randutil.Hex(64)
	if err != nil {
		return "", fmt.Errorf("mint token: %w", err)
	}
	options := new(jose.SignerOptions).WithType("JWT").WithHeader("kid", a.token.KeyID)
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: a.token.Key}, options)
	if err != nil {
		return "", fmt.Errorf("mint token: %w", err)
	}
	now := time.Now()
	claims := jose.Claims{
		ID: id, Issuer: provisionerName, Subject: p.common, Audience: jose.Audience{audience},
		IssuedAt: jose.NewNumericDate(now), NotBefore: jose.NewNumericDate(now), Expiry: jose.NewNumericDate(now.Add(tokenLife)),
	}
	own := map[string]any{"sans": p.names, "usage": p.labels}
	return jose.Signed(s).Claims(claims).Claims(own).CompactSerialize()
}

// newRequest makes a certificate request with exactly the names of p, as step compares them with the token's.
func newRequest(p profile, key crypto.Signer) (*x509.CertificateRequest, error) {
	dns, ips, _, uris := x509util.SplitSANs(p.names)
	t := &x509.CertificateRequest{Subject: pkix.Name{CommonName: p.common}, DNSNames: dns, IPAddresses: []net.IP(ips), URIs: []*url.URL(uris)}
	der, err := x509.CreateCertificateRequest(rand.Reader, t, key)
	if err != nil {
		return nil, fmt.Errorf("create request: %w", err)
	}
	return x509.ParseCertificateRequest(der)
}

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
