package httpapi_test

import (
	"crypto/x509"
	"encoding/pem"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// ending is an authority whose certificate ends in some time, as PEM.
func ending(t *testing.T, left time.Duration) string {
	t.Helper()
	f := newForger(t, "ends", nil, func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(-1000*time.Hour), time.Now().Add(left)
	})
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.cert.Raw}))
}

// TestExpiry: a certificate that ends within thirty days shows in the validation, in the list, in the figure, in the operator's
// status, in the log and once in the audit record; what is renewed by itself does not (MSS-10).
func TestExpiry(t *testing.T) {
	t.Parallel()
	logged := &record{}
	both := testkit.StartWith(t, testkit.Options{Logger: logged.logger()}, "NYDC", "LDC")
	d := both[0]
	testkit.Link(d, both[1])
	d.Within(testkit.Limit, "has met its partner", func() bool {
		var all wire.CertificateExpiries
		d.Get("/v1/trust/expiry", &all)
		return slices.ContainsFunc(all.Certificates, func(e wire.CertificateExpiry) bool { return e.Role == "partner" })
	})
	var all wire.CertificateExpiries
	d.Get("/v1/trust/expiry", &all)
	roles := map[string]int{}
	for _, e := range all.Certificates {
		roles[e.Role]++
		if e.Soon {
			t.Errorf("ends soon at its beginning: %+v", e)
		}
	}
	if roles["root"] != 1 || roles["issuer"] != 1 || roles["leaf"] != 2 || roles["trusted"] != 1 || roles["partner"] != 1 {
		t.Errorf("watched: %v", roles)
	}
	before := figures(t, d)
	for _, role := range []string{"root", "issuer", "leaf", "trusted", "partner"} {
		if before[`concord_certificate_expiry_seconds{role="`+role+`"}`] < 3600 {
			t.Errorf("figure of %s: %v", role, before)
		}
	}
	d.Put("/v1/trust/certificates/later", wire.TrustedCertificate{Name: "later", CertificatePEM: ending(t, 31*24*time.Hour)})
	d.Put("/v1/trust/certificates/soon", wire.TrustedCertificate{Name: "soon", CertificatePEM: ending(t, 29*24*time.Hour)})
	d.Put("/v1/trust/certificates/past", wire.TrustedCertificate{Name: "past", CertificatePEM: ending(t, -time.Hour)})
	d.Put("/v1/trust/certificates/leaf", wire.TrustedCertificate{Name: "leaf", CertificatePEM: leafPEM(t)})
	if left := figures(t, d)[`concord_certificate_expiry_seconds{role="trusted"}`]; left > 0 || left < -7200 {
		t.Errorf("the figure did not move: %v", left)
	}
	var v wire.Validation
	d.Get("/v1/validate", &v)
	found := map[string]bool{}
	for _, f := range v.Findings {
		found[f.Code+" "+f.Subject] = true
	}
	for _, want := range []string{"certificate_expires trusted_certificate soon", "certificate_expired trusted_certificate past", "trusted_server_certificate trusted_certificate leaf"} {
		if !found[want] {
			t.Errorf("%s is not found: %+v", want, v.Findings)
		}
	}
	if found["certificate_expires trusted_certificate later"] {
		t.Error("31 days are soon")
	}
	if _, text := command(d, "status"); !strings.Contains(text, "ENDS SOON") || !strings.Contains(text, "soon ") || strings.Contains(text, "later") {
		t.Errorf("status: %s", text)
	}
	d.Stop()
	d.Start() // a node looks when it starts, and then every hour
	d.Within(testkit.Limit, "tells the log", func() bool { return strings.Contains(logged.text(), `certificate="trusted soon"`) })
	records := strings.Join(audited(t, d, `"action":"expires"`), "\n")
	if strings.Count(records, "certificate/trusted soon at") != 1 || strings.Contains(records, "later") || strings.Contains(records, "/root") {
		t.Errorf("audit: %s", records)
	}
}

func leafPEM(t *testing.T) string {
	t.Helper()
	cert := newForger(t, "ends", nil, nil).leaf(t, nil)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]}))
}
