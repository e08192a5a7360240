package httpapi_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// withCertificate trusts the data center and shows a certificate whatever is asked for.
func withCertificate(d *testkit.DataCenter, c tls.Certificate) *tls.Config {
	cfg := d.TLS()
	cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &c, nil }
	return cfg
}

// TestRefusalsNameTheListener: who reads the audit record learns at which listener a certificate was refused (SEC-41).
func TestRefusalsNameTheListener(t *testing.T) {
	d := start(t)
	stray := madeUp(t, "spiffe://nydc/admin/ann")
	for _, url := range []string{d.Endpoint + "/v1/groups", d.RuntimeURL + "/session/v1/authorize"} {
		method := http.MethodGet
		if strings.HasPrefix(url, d.RuntimeURL) {
			method = http.MethodPost
		}
		if got := send(t, d, ask{method: method, url: url, body: "{}", tls: withCertificate(d, stray)}); got.status != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", url, got.status, got.body)
		}
	}
	if _, err := hello(t, d, stray); err == nil {
		t.Error("the peer listener takes it")
	}
	records := strings.Join(audited(t, d, `"action":"refuse"`), "\n")
	for _, want := range []string{`"admin/untrusted_certificate`, `"runtime/wrong_identity`, `"peer/wrong_identity`} {
		if !strings.Contains(records, want) {
			t.Errorf("%s is not in the audit record: %s", want, records)
		}
	}
}

// TestAdministratorByCertificate: a certificate of this data center's authority for an administrator that a role lists opens what the role allows, at the admin
// listener and nowhere else; anything else that is shown there is refused with a reason (SEC-41).
func TestAdministratorByCertificate(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	d, other := both[0], both[1]
	d.Trusts(other)
	ann := d.Administrator("ann")
	if _, err := d.AdminAs(ann).Do(t.Context(), client.Request{Method: http.MethodPut, Path: "/v1/groups/g", In: wire.Group{Name: "g"}}); err != nil {
		t.Fatal(err)
	}
	var lock wire.LockView
	if _, err := d.AdminAs(ann).Do(t.Context(), client.Request{Method: http.MethodPut, Path: "/v1/locks/group/g", In: wire.LockRequest{Owner: "x"}, Out: &lock}); err != nil || lock.Actor != "certificate:ann" {
		t.Errorf("who acts: %+v, %v", lock, err)
	}
	gone, eve := d.Certify("administrator", "bob", ""), d.Certify("administrator", "eve", "")
	d.Revoke(gone)
	for name, c := range map[string]struct {
		shown tls.Certificate
		code  string
	}{
		"agent's":             {d.Certify("agent", "web", "").Pair, "wrong_identity"},
		"node's":              {d.Certify("node", "ny9", "").Pair, "wrong_identity"},
		"web server's":        {webServer(t, d), "wrong_identity"},
		"partner's admin":     {other.Certify("administrator", "ann", "").Pair, "wrong_identity"},
		"partner's agent":     {other.Certify("agent", "web", "").Pair, "wrong_identity"},
		"made up":             {madeUp(t, "spiffe://nydc/admin/ann"), "untrusted_certificate"},
		"made up, upper case": {madeUp(t, "spiffe://NYDC/admin/ann"), "wrong_identity"},
		"revoked":             {gone.Pair, "revoked_certificate"},
		"without its issuer":  {tls.Certificate{Certificate: eve.Pair.Certificate[:1], PrivateKey: eve.Pair.PrivateKey}, "untrusted_certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			at := ask{method: http.MethodGet, url: d.Endpoint + "/v1/groups", tls: withCertificate(d, c.shown)}
			if p := send(t, d, at).refused(t, http.StatusUnauthorized, c.code); !strings.Contains(p.Detail, "client certificate") {
				t.Errorf("the reason: %s", p.Detail)
			}
			at.header = http.Header{"Authorization": {"Bearer " + d.Token}} // a credential in the request decides alone
			if got := send(t, d, at); got.status != http.StatusOK {
				t.Errorf("with a token beside it: %d %s", got.status, got.body)
			}
		})
	}
	sound := ask{method: http.MethodGet, url: d.Endpoint + "/v1/groups", tls: withCertificate(d, ann.Pair), header: http.Header{"Authorization": {"Bearer wrong"}}}
	send(t, d, sound).refused(t, http.StatusUnauthorized, "wrong_token")
	sound.header = http.Header{"Authorization": {""}}
	send(t, d, sound).refused(t, http.StatusUnauthorized, "no_token")
	// A browser shows its certificate wherever a page sends it, a page of another site too; a form needs no preflight (SEC-15).
	forged := ask{method: http.MethodPost, url: d.Endpoint + "/v1/validate", tls: withCertificate(d, ann.Pair)}
	for name, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"} {
		forged.header = http.Header{name: {value}, "Content-Type": {"text/plain"}}
		send(t, d, forged).refused(t, http.StatusForbidden, "cross_origin")
	}
	forged.header = http.Header{"Sec-Fetch-Site": {"none"}}
	if got := send(t, d, forged); got.status != http.StatusOK {
		t.Errorf("from no other site: %d %s", got.status, got.body)
	}
	send(t, d, ask{method: http.MethodPost, url: d.RuntimeURL + "/session/v1/authorize", body: "{}", tls: withCertificate(d, ann.Pair)}).refused(t, http.StatusUnauthorized, "wrong_identity")
	// Neither an administrator nor an agent is a peer: the handshake ends.
	for _, c := range []tls.Certificate{ann.Pair, d.Certify("agent", "web", "").Pair, other.Certify("agent", "web", "").Pair} {
		pool := &http.Transport{TLSClientConfig: &tls.Config{Certificates: []tls.Certificate{c}, InsecureSkipVerify: true}, DisableKeepAlives: true} //nolint:gosec // the test trusts the address
		if res, err := (&http.Client{Transport: pool}).Get("https://" + d.PeerAddress + "/peer/v1/hello"); err == nil {
			_ = res.Body.Close()
			t.Errorf("it is taken for a peer: %d", res.StatusCode)
		}
	}
}

// TestRevokedAdministratorOnAnOpenConnection: one connection, a request before the certificate is revoked and one after (SEC-43).
func TestRevokedAdministratorOnAnOpenConnection(t *testing.T) {
	d := start(t)
	for _, h2 := range []bool{false, true} {
		ann := d.Administrator("ann")
		pool := &http.Transport{TLSClientConfig: withCertificate(d, ann.Pair), ForceAttemptHTTP2: h2}
		get := func() int {
			res, err := (&http.Client{Transport: pool}).Get(d.Endpoint + "/v1/groups")
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			return res.StatusCode
		}
		if got := get(); got != http.StatusOK {
			t.Fatalf("before: %d", got)
		}
		d.Revoke(ann)
		for range 2 {
			if got := get(); got != http.StatusUnauthorized {
				t.Errorf("after (HTTP/2 %t): %d", h2, got)
			}
		}
		pool.CloseIdleConnections()
	}
}

// TestAgentByCertificate: an agent's certificate is taken at any data center that trusts the one that it names, while the agent lists
// it; what one data center's authority says of another's agents counts for nothing (SEC-41, SEC-43).
func TestAgentByCertificate(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	d, other := both[0], both[1]
	d.User("ann")
	app := d.Application("web", "https://shop.example")
	agent := wire.Agent{Name: "web", Hosts: []string{"https://shop.example"}, CertificateIdentities: []string{"spiffe://nydc/agent/web", "spiffe://ldc/agent/web"}}
	d.Put("/v1/agents/web", agent)
	own, theirs := d.Certify("agent", "web", ""), other.Certify("agent", "web", "")
	question := client.Request{Method: http.MethodPost, Path: "/session/v1/authorize", In: wire.AuthorizeRequest{Method: "GET", Scheme: "https", Host: "shop.example", Target: "/"}}
	ask := func(c *client.Client) error {
		_, err := c.Do(t.Context(), question)
		return err
	}
	at, theirsAt := d.AgentAs(own), d.AgentAs(theirs)
	if err := ask(at); err != nil {
		t.Fatal(err)
	}
	if err := ask(d.Agent(app.Agent, app.Secret)); err != nil {
		t.Errorf("its secret is still good: %v", err)
	}
	wantFault(t, ask(theirsAt), fault.Unauthenticated, "not_a_partner")
	d.Trusts(other)
	if err := ask(theirsAt); err != nil {
		t.Errorf("a partner's certificate, on the connection that was refused before: %v", err)
	}
	wantFault(t, ask(d.AgentAs(d.Certify("agent", "other", ""))), fault.Unauthenticated, "certificate_not_listed")
	wantFault(t, ask(d.AgentAs(d.Certify("administrator", "web", ""))), fault.Unauthenticated, "wrong_identity")
	wantFault(t, ask(d.AgentAs(testkit.Certificate{Pair: madeUp(t, "spiffe://nydc/agent/web")})), fault.Unauthenticated, "untrusted_certificate")
	agent.CertificateIdentities = agent.CertificateIdentities[1:]
	d.Put("/v1/agents/web", agent)
	wantFault(t, ask(at), fault.Unauthenticated, "certificate_not_listed")
	d.Delete("/v1/trust/certificates/LDC")
	wantFault(t, ask(theirsAt), fault.Unauthenticated, "untrusted_certificate")
	agent.CertificateIdentities = []string{"spiffe://nydc/agent/web"}
	d.Put("/v1/agents/web", agent)
	if err := ask(at); err != nil {
		t.Error(err)
	}
	d.Revoke(own)
	wantFault(t, ask(at), fault.Unauthenticated, "revoked_certificate")
}

// TestAgentRenewsItsCertificate: by showing it, for the same name and only while it stands; the key stays where it was made.
func TestAgentRenewsItsCertificate(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	d, other := both[0], both[1]
	d.Trusts(other)
	d.Put("/v1/agents/web", wire.Agent{Name: "web", Hosts: []string{"https://shop.example"}, Secret: "0123456789abcdef", CertificateIdentities: []string{"spiffe://nydc/agent/web", "spiffe://ldc/agent/web"}})
	own := d.Certify("agent", "web", "10m")
	renew := func(c *client.Client, csr string) (out wire.CertificateMade, err error) {
		_, err = c.Do(t.Context(), client.Request{Method: http.MethodPost, Path: "/session/v1/certificate", In: wire.AgentRenewal{CSRPEM: csr}, Out: &out})
		return out, err
	}
	csr, key := signingRequest(t, "spiffe://nydc/agent/web")
	made, err := renew(d.AgentAs(own), csr)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair([]byte(made.CertificatePEM), key)
	if err != nil || made.Identity != "spiffe://nydc/agent/web" || made.CAPEM != d.CACertPEM || !made.ExpiresAt.Equal(pair.Leaf.NotAfter) {
		t.Fatalf("what was made: %+v, %v", made, err)
	}
	if life, was := pair.Leaf.NotAfter.Sub(pair.Leaf.NotBefore), own.Pair.Leaf.NotAfter.Sub(own.Pair.Leaf.NotBefore); life != was {
		t.Errorf("the next lives %s, the former %s", life, was)
	}
	next := d.AgentAs(testkit.Certificate{Pair: pair})
	for _, other := range []string{"spiffe://nydc/agent/other", "spiffe://nydc/admin/web", "spiffe://ldc/agent/web"} {
		csr, _ := signingRequest(t, other)
		_, err := renew(next, csr)
		wantFault(t, err, fault.Invalid, "invalid_input")
	}
	_, err = renew(d.Agent("web", "0123456789abcdef"), csr)
	wantFault(t, err, fault.Forbidden, "certificate_needed")
	theirs, _ := signingRequest(t, "spiffe://ldc/agent/web")
	_, err = renew(d.AgentAs(other.Certify("agent", "web", "")), theirs)
	wantFault(t, err, fault.Conflict, "other_data_center")
	d.Revoke(own)
	_, err = renew(d.AgentAs(own), csr)
	wantFault(t, err, fault.Unauthenticated, "revoked_certificate")
	if _, err := renew(next, csr); err != nil {
		t.Errorf("the next one stands by itself: %v", err)
	}
}

// signingRequest makes a key and a request for a name.
func signingRequest(t *testing.T, id string) (csrPEM string, keyPEM []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(id)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{URIs: []*url.URL{u}}, key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

func webServer(t *testing.T, d *testkit.DataCenter) tls.Certificate {
	t.Helper()
	var v wire.IssuedCertificate
	if _, err := d.Do(client.Request{Method: http.MethodPost, Path: "/v1/certificates", In: wire.CertificateOrder{Profile: "web_server", SANs: []string{"x.example"}}, Out: &v}); err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair([]byte(v.CertificatePEM+v.ChainPEM), []byte(v.PrivateKeyPEM))
	if err != nil {
		t.Fatal(err)
	}
	return pair
}
