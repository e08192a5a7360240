package client

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
)

// TLSFromPEM makes a TLS configuration from PEM texts; each may be "". caPEM replaces the system's roots; certPEM and
// keyPEM, which come together, are the client certificate. No error repeats any of the texts.
func TLSFromPEM(caPEM, certPEM, keyPEM string) (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if caPEM != "" {
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM([]byte(caPEM)) {
			return nil, errors.New("the CA certificate is not PEM, or holds no certificate; it starts with -----BEGIN CERTIFICATE-----")
		}
	}
	switch {
	case certPEM == "" && keyPEM == "":
		return cfg, nil
	case certPEM == "":
		return nil, errors.New("a client key without its certificate; give both")
	case keyPEM == "":
		return nil, errors.New("a client certificate without its key; give both")
	}
	pair, err := tls.X509KeyPair([]byte(certPEM), []byte(keyPEM))
	if err != nil {
		return nil, fmt.Errorf("read client certificate and key: %w", err)
	}
	cfg.Certificates = []tls.Certificate{pair}
	return cfg, nil
}
