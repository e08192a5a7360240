package testkit

import (
	"crypto/tls"
	"net/http"
	"strings"

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

// Administrator has an administrator's certificate issued, which a role allows everything.
func (d *DataCenter) Administrator(name string) Certificate {
	d.t.Helper()
	d.Role("certificate-"+name, wire.AdminRole{Certificates: []string{"spiffe://" + strings.ToLower(d.ClusterID) + "/admin/" + name}})
	return d.Certify("administrator", name, "")
}

// Role writes an administrators' role; one without permissions is given every one.
func (d *DataCenter) Role(name string, r wire.AdminRole) {
	d.t.Helper()
	if r.Name = name; r.Permissions == nil {
		r.Permissions = []wire.Permission{{Actions: []string{"read", "write", "operate"}, Kinds: []string{"*"}}}
	}
	d.Put(client.Path("v1", "admin-roles", name), r)
}

// AdminToken makes an administrator's token with roles, and gives its text.
func (d *DataCenter) AdminToken(name string, roles ...string) string {
	d.t.Helper()
	var made wire.AdminTokenMade
	if _, err := d.Do(client.Request{Method: http.MethodPost, Path: "/v1/admin-tokens", In: wire.AdminTokenRequest{Name: name, Roles: roles}, Out: &made}); err != nil {
		d.t.Fatalf("make the token %s at %s: %v", name, d.ClusterID, err)
	}
	return made.Secret
}

// AdminWith gives a client of the admin listener with a token.
func (d *DataCenter) AdminWith(token string) *client.Client {
	d.t.Helper()
	return d.client(client.Config{Endpoint: d.Endpoint, Token: token})
}

// AdminOf gives a client of the admin listener that signs in with a user's name and password.
func (d *DataCenter) AdminOf(user, password string) *client.Client {
	d.t.Helper()
	return d.client(client.Config{Endpoint: d.Endpoint, Account: &client.Account{User: user, Password: password}})
}
