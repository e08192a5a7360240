package testkit

import (
	"crypto/tls"
	"net/http"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// Certificate is one that a data center issued to a test, with its key.
type Certificate struct {
	Serial, CertPEM, KeyPEM string // CertPEM with its chain
	Pair                    tls.Certificate
}

// Certify has the data center issue a certificate with a key of its making; ttl "" is the configured life.
func (d *DataCenter) Certify(profile, name, ttl string) Certificate {
	d.t.Helper()
	var v wire.IssuedCertificate
	_, err := d.Do(client.Request{Method: http.MethodPost, Path: "/v1/certificates", In: wire.CertificateOrder{Profile: profile, Name: name, TTL: ttl}, Out: &v})
	if err != nil {
		d.t.Fatalf("certify %s %s at %s: %v", profile, name, d.ClusterID, err)
	}
	c := Certificate{Serial: v.Serial, CertPEM: v.CertificatePEM + v.ChainPEM, KeyPEM: v.PrivateKeyPEM}
	if c.Pair, err = tls.X509KeyPair([]byte(c.CertPEM), []byte(c.KeyPEM)); err != nil {
		d.t.Fatalf("read the certificate of %s: %v", name, err)
	}
	return c
}

// Revoke ends a certificate.
func (d *DataCenter) Revoke(c Certificate) {
	d.t.Helper()
	if _, err := d.Do(client.Request{Method: http.MethodPost, Path: client.Path("v1", "certificates", c.Serial, "revoke"), In: wire.CertificateRevocation{}}); err != nil {
		d.t.Fatalf("revoke %s: %v", c.Serial, err)
	}
}

// AdminAs gives a client of the admin listener that shows a certificate, and no token.
func (d *DataCenter) AdminAs(c Certificate) *client.Client {
	d.t.Helper()
	return d.client(client.Config{Endpoint: d.Endpoint, Identity: client.NewIdentity(c.Pair)})
}

// AgentAs gives a client of the runtime listener that shows a certificate, and no secret.
func (d *DataCenter) AgentAs(c Certificate) *client.Client {
	d.t.Helper()
	return d.client(client.Config{Endpoint: d.RuntimeURL, Identity: client.NewIdentity(c.Pair)})
}
