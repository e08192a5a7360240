package ca

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/big"
	"time"

	"go.step.sm/crypto/jose"
)

// externalTokenLife is how long a one-time token is good for: it is used at once.
const externalTokenLife = 2 * time.Minute

// fingerprintOf binds a token to one certificate request: whoever reads the token on its way can have nothing else signed.
type fingerprintOf struct {
	Request string `json:"x5rt#S256"`
}

// signClaims are what step-ca reads of a token besides the registered claims, and what the provisioner's template takes.
type signClaims struct {
	Names  []string      `json:"sans"`
	Root   string        `json:"sha"`
	Bound  fingerprintOf `json:"cnf"`
	Common string        `json:"common"`
	Usage  []string      `json:"usage"`
	Serial string        `json:"serial"` // decimal
}

func (e *external) signToken(ctx context.Context, o order) (string, error) {
	usage, err := usageLabels(o.shape.usage)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(o.request.Raw)
	subject := o.request.Subject.CommonName // step-ca refuses a request whose common name is not the subject's
	if subject == "" {
		subject = o.shape.common
	}
	return e.token(ctx, SerialText(o.serial), subject, "/1.0/sign", signClaims{
		Names: o.shape.names, Root: e.config.Fingerprint, Common: o.shape.common, Usage: usage, Serial: o.serial.String(),
		Bound: fingerprintOf{base64.RawURLEncoding.EncodeToString(sum[:])},
	})
}

func (e *external) revokeToken(ctx context.Context, serial *big.Int) (string, error) {
	return e.token(ctx, rand.Text(), serial.String(), "/1.0/revoke", struct {
		Root string `json:"sha"`
	}{e.config.Fingerprint})
}

// token signs a one-time token for one path of the CA. Its times are the machine's, as the CA's are.
func (e *external) token(ctx context.Context, id, subject, path string, own any) (string, error) {
	key, err := e.signingKey(ctx)
	if err != nil {
		return "", err
	}
	algorithm := jose.SignatureAlgorithm(key.Algorithm)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key.Key}, new(jose.SignerOptions).WithType("JWT").WithHeader("kid", key.KeyID))
	if err != nil {
		return "", fmt.Errorf("use provisioner's key: %w", err)
	}
	now := time.Now()
	claims := jose.Claims{
		ID: id, Issuer: e.config.Provisioner, Subject: subject, Audience: jose.Audience{e.config.URL + path},
		IssuedAt: jose.NewNumericDate(now), NotBefore: jose.NewNumericDate(now), Expiry: jose.NewNumericDate(now.Add(externalTokenLife)),
	}
	text, err := jose.Signed(signer).Claims(claims).Claims(own).CompactSerialize()
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return text, nil
}

// usageLabels spell usages as step's templates do.
func usageLabels(usage []x509.ExtKeyUsage) (out []string, err error) {
	labels := map[x509.ExtKeyUsage]string{x509.ExtKeyUsageServerAuth: "serverAuth", x509.ExtKeyUsageClientAuth: "clientAuth"}
	for _, u := range usage {
		label, known := labels[u]
		if !known {
			return nil, fmt.Errorf("sign token: usage %d has no name", u)
		}
		out = append(out, label)
	}
	return out, nil
}
