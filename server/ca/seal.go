package ca

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
)

// sealContext binds a wrapped key to its place: a sealed leaf key cannot be put where the root's is expected.
func sealContext(c Config, place string) []byte {
	return []byte("concord ca key 1/" + strings.ToLower(c.ClusterID) + "/" + place)
}

func seal(c Config, place string, s signer) (sealedPair, error) {
	der, err := x509.MarshalPKCS8PrivateKey(s.key)
	if err != nil {
		return sealedPair{}, fmt.Errorf("encode %s key: %w", place, err)
	}
	sealed, err := c.Wrapper.Wrap(der, sealContext(c, place))
	clear(der)
	if err != nil {
		return sealedPair{}, fmt.Errorf("wrap %s key: %w", place, err)
	}
	return sealedPair{Certificate: s.cert.Raw, SealedKey: sealed}, nil
}

func unseal(c Config, place string, p sealedPair) (signer, error) {
	cert, err := x509.ParseCertificate(p.Certificate)
	if err != nil {
		return signer{}, fmt.Errorf("read %s certificate: %w", place, err)
	}
	der, err := c.Wrapper.Unwrap(p.SealedKey, sealContext(c, place))
	if err != nil {
		return signer{}, fmt.Errorf("unwrap %s key (is this the node key it was made with?): %w", place, err)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	clear(der)
	if err != nil {
		return signer{}, fmt.Errorf("read %s key: %w", place, err)
	}
	key, ok := parsed.(crypto.Signer)
	if !ok || !sameKey(cert.PublicKey, key.Public()) {
		return signer{}, fmt.Errorf("open %s: %w", place, errors.New("the key does not belong to the certificate"))
	}
	return signer{cert: cert, key: key}, nil
}

func sameKey(a, b crypto.PublicKey) bool {
	e, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && e.Equal(b)
}
