package httpapi_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

func issue(t *testing.T, d *testkit.DataCenter, o wire.CertificateOrder) (made wire.IssuedCertificate) {
	t.Helper()
	if _, err := d.Do(client.Request{Method: http.MethodPost, Path: "/v1/certificates", In: o, Out: &made}); err != nil {
		t.Fatal(err)
	}
	return made
}

// TestCertificatesOverTheWire: SEC-49. A certificate is issued, shown without its key, renewed, revoked and then neither
// renewed nor missing from the list; paging and filters work; nobody does any of it without a token.
func TestCertificatesOverTheWire(t *testing.T) {
	d := start(t)
	made := issue(t, d, wire.CertificateOrder{Profile: "web_server", SANs: []string{"portal.example.com"}, TTL: "1h"})
	if _, err := tls.X509KeyPair([]byte(made.CertificatePEM+made.ChainPEM), []byte(made.PrivateKeyPEM)); err != nil || made.Status != "valid" || made.ExpiresAt.Sub(made.IssuedAt) > time.Hour {
		t.Fatalf("%v: %+v", err, made.CertificateView)
	}
	one := "/v1/certificates/" + made.Serial
	if got := admin(t, d, http.MethodGet, one, ""); got.status != http.StatusOK || strings.Contains(got.body, "PRIVATE KEY") || got.header.Get("Cache-Control") != "no-store" {
		t.Errorf("read: %d %s", got.status, got.body)
	}
	for range 4 {
		issue(t, d, wire.CertificateOrder{Profile: "agent", Name: "a"})
	}
	pages, after := 0, ""
	for seen := 0; ; pages++ {
		var page wire.Page[wire.CertificateView]
		d.Get("/v1/certificates?profile=agent&limit=3&cursor="+url.QueryEscape(after), &page)
		if seen += len(page.Items); page.NextCursor == "" {
			if seen != 4 || pages != 1 {
				t.Errorf("%d certificates on %d pages", seen, pages+1)
			}
			break
		}
		after = page.NextCursor
	}
	admin(t, d, http.MethodGet, "/v1/certificates?cursor=AAAA", "").refused(t, http.StatusBadRequest, "invalid_input")
	admin(t, d, http.MethodGet, "/v1/certificates?profile=root", "").refused(t, http.StatusBadRequest, "invalid_input")
	if got := admin(t, d, http.MethodPost, one+"/revoke", `{"reason":"key_compromise"}`); got.status != http.StatusOK {
		t.Fatalf("revoke: %d %s", got.status, got.body)
	}
	admin(t, d, http.MethodPost, one+"/renew", `{}`).refused(t, http.StatusConflict, "certificate_revoked")
	for _, path := range []string{"/v1/certificates", one + "/renew", one + "/revoke", "/v1/certificate-revocations"} {
		if got := send(t, d, ask{method: http.MethodPost, url: d.Endpoint + path, body: `{"profile":"administrator","name":"root"}`, header: http.Header{"Content-Type": {"application/json"}}}); got.status != http.StatusUnauthorized {
			t.Errorf("%s without a token: %d %s", path, got.status, got.body)
		}
	}
	for _, path := range []string{"/1.0/sign", "/sign", "/renew", "/revoke", "/rekey", "/provisioners", "/acme/acme/directory", "/ssh/revoke", "/scep/scep", "/roots", "/crl"} {
		for _, base := range []string{d.Endpoint, d.RuntimeURL} {
			if got := postAt(t, d, base+path); got.status != http.StatusNotFound && got.status != http.StatusMethodNotAllowed {
				t.Errorf("%s answers %d: a route of the library under it", base+path, got.status)
			}
		}
	}
}

func postAt(t *testing.T, d *testkit.DataCenter, at string) answer {
	t.Helper()
	return send(t, d, ask{method: http.MethodPost, url: at, body: `{}`, header: http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + d.Token}}})
}

// TestRevocationListIsPublic in both forms, changes with a revocation, and says so by its ETag.
func TestRevocationListIsPublic(t *testing.T) {
	d := start(t)
	made := issue(t, d, wire.CertificateOrder{Profile: "agent", Name: "a"})
	list := func(accept, etag string) answer {
		return send(t, d, ask{method: http.MethodGet, url: d.Endpoint + "/v1/crl", header: http.Header{"Accept": {accept}, "If-None-Match": {etag}}})
	}
	before := list("*/*", "")
	if got := list("*/*", before.header.Get("ETag")); got.status != http.StatusNotModified {
		t.Errorf("unchanged: %d", got.status)
	}
	if got := admin(t, d, http.MethodPost, "/v1/certificates/"+made.Serial+"/revoke", `{}`); got.status != http.StatusOK {
		t.Fatalf("revoke: %d %s", got.status, got.body)
	}
	after := list("*/*", before.header.Get("ETag"))
	block, _ := pem.Decode([]byte(list("application/x-pem-file", "").body))
	if after.status != http.StatusOK || block == nil || string(block.Bytes) != after.body || after.header.Get("Content-Type") != "application/pkix-crl" {
		t.Fatalf("after a revocation: %d %q", after.status, after.header.Get("Content-Type"))
	}
	crl, err := x509.ParseRevocationList(block.Bytes)
	if err != nil || len(crl.RevokedCertificateEntries) != 1 || crl.RevokedCertificateEntries[0].SerialNumber.Text(16) != made.Serial {
		t.Fatalf("%v %v", crl, err)
	}
	chain, _ := pem.Decode([]byte(made.ChainPEM))
	issuer, err := x509.ParseCertificate(chain.Bytes)
	if err != nil || crl.CheckSignatureFrom(issuer) != nil {
		t.Errorf("the list is not the issuer's: %v", err)
	}
}

// TestRevokedServerCertificateIsReplaced: the admin listener shows another certificate on the next connection, and serves on.
func TestRevokedServerCertificateIsReplaced(t *testing.T) {
	d := start(t)
	shown := func() string {
		c, err := tls.Dial("tcp", strings.TrimPrefix(d.Endpoint, "https://"), d.TLS())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close() //nolint:errcheck // nothing was sent
		return c.ConnectionState().PeerCertificates[0].SerialNumber.Text(16)
	}
	before := shown()
	if got := admin(t, d, http.MethodPost, "/v1/certificates/"+before+"/revoke", `{}`); got.status != http.StatusOK {
		t.Fatalf("revoke: %d %s", got.status, got.body)
	}
	if shown() == before {
		t.Error("still shows what was revoked")
	}
}

// TestCertificateOrderedOnce: an order with an Idempotency-Key may be repeated, whatever became of the first answer: one certificate is
// there. The key stands for one request of one caller, and for no private key. What was revoked meanwhile is not handed out (SEC-49).
func TestCertificateOrderedOnce(t *testing.T) {
	d := start(t)
	csr, _ := signingRequest(t, "spiffe://nydc/agent/portal")
	order := func(ttl, key string, query string) answer {
		t.Helper()
		return admin(t, d, http.MethodPost, "/v1/certificates"+query, `{"profile":"agent","csr_pem":`+strconv.Quote(csr)+`,"ttl":"`+ttl+`"}`, wire.HeaderIdempotencyKey, key)
	}
	count := func() int {
		var page wire.Page[wire.CertificateView]
		d.Get("/v1/certificates?profile=agent", &page)
		return len(page.Items)
	}
	const one, other = "0123456789abcdef", "0123456789abcdeX"
	if got := order("1h", one, "?dry_run=true"); got.status != http.StatusNoContent || count() != 0 {
		t.Fatalf("a dry run: %d %s, %d certificates", got.status, got.body, count())
	}
	first, second := order("1h", one, ""), order("1h", one, "")
	if first.status != http.StatusCreated || first.body != second.body || count() != 1 {
		t.Errorf("%d %s, then %d %s; %d certificates", first.status, first.body, second.status, second.body, count())
	}
	order("2h", one, "").refused(t, http.StatusConflict, "idempotency_key_used")
	order("1h", "short", "").refused(t, http.StatusBadRequest, "invalid_idempotency_key")
	admin(t, d, http.MethodPost, "/v1/certificates", `{"profile":"agent","name":"portal"}`, wire.HeaderIdempotencyKey, one).refused(t, http.StatusBadRequest, "invalid_idempotency_key")
	if got := order("1h", other, ""); got.status != http.StatusCreated || count() != 2 {
		t.Errorf("with another key: %d %s, %d certificates", got.status, got.body, count())
	}
	var made wire.IssuedCertificate
	if err := json.Unmarshal([]byte(first.body), &made); err != nil {
		t.Fatal(err)
	}
	if got := admin(t, d, http.MethodPost, "/v1/certificates/"+made.Serial+"/revoke", `{}`); got.status != http.StatusOK {
		t.Fatalf("revoke: %d %s", got.status, got.body)
	}
	order("1h", one, "").refused(t, http.StatusConflict, "certificate_revoked")
	if got := order("1h", other, ""); got.status != http.StatusCreated || count() != 2 {
		t.Errorf("the other one: %d %s, %d certificates", got.status, got.body, count())
	}
	admin(t, d, http.MethodPost, "/v1/certificates?dry_run=true", `{"profile":"node","csr_pem":`+strconv.Quote(csr)+`}`).refused(t, http.StatusBadRequest, "invalid_input")
}
