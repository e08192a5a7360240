package etcd

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

var errClientFiles = errors.New("read client certificate")

// Files are what TLS to etcd takes, in PEM. An empty path is without.
type Files struct {
	CA        string // root certificates; "" = the machine's
	Cert, Key string // of this node, with the chain; both or none
}

// TLS reads the files. The client certificate is read again for each connection, so that a renewed one counts without a restart.
// A fault of kind Conflict that names the file when one cannot be used.
func (f Files) TLS() (*tls.Config, error) {
	out := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.CA != "" {
		b, err := os.ReadFile(f.CA)
		if err != nil {
			return nil, fmt.Errorf("read etcd's root certificate: %w", err)
		}
		if out.RootCAs = x509.NewCertPool(); !out.RootCAs.AppendCertsFromPEM(b) {
			return nil, fault.New(fault.Conflict, "wrong_file", "%s holds no certificate in PEM. Set ca_cert_file to the root certificate of etcd's server certificates.", f.CA)
		}
	}
	if f.Cert == "" {
		return out, nil
	}
	if _, err := f.pair(); err != nil {
		e := fault.New(fault.Conflict, "wrong_file", "%v. client_cert_file has to hold a certificate in PEM and client_key_file its key.", err)
		e.Err = err
		return nil, e
	}
	out.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return f.pair() }
	return out, nil
}

func (f Files) pair() (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return nil, fmt.Errorf("%w %s: %w", errClientFiles, f.Cert, err)
	}
	return &pair, nil
}
