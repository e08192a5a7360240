package provider_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/provider"
)

// TestRemoteCertificate: what a peer listener presents is shown and trusts nothing; a certificate comes out of it by its fingerprint
// only, also a root that is published rather than presented, and what is declared from it links the data centers (MSS-10).
func TestRemoteCertificate(t *testing.T) {
	ny, ldc := twoSites(t)
	var own wire.TrustBundle
	if err := ldc.get("/v1/trust/bundle", &own); err != nil {
		t.Fatal(err)
	}
	const at = "data.concord_remote_certificate.x"
	source := func(lines ...string) string {
		return ny.block("concord") + block(`data "concord_remote_certificate" "x"`, append([]string{`address = "` + ldc.PeerAddress + `"`}, lines...)...)
	}
	declared := source(`fingerprint_sha256 = "`+own.FingerprintsSHA256[0]+`"`) + block(`resource "concord_trusted_certificate" "x"`, `name = "ldc"`, `certificate_pem = `+at+`.certificate_pem`, `partner = "LDC"`)
	var pairs []string // as openssl prints it
	for pair := range slices.Chunk([]byte(strings.ToUpper(own.FingerprintsSHA256[0])), 2) {
		pairs = append(pairs, string(pair))
	}
	printed := strings.ReplaceAll(declared, own.FingerprintsSHA256[0], strings.Join(pairs, ":"))
	acceptance(t,
		resource.TestStep{Config: source(), Check: resource.ComposeTestCheckFunc(
			resource.TestCheckResourceAttr(at, "certificates.#", "2"), resource.TestCheckResourceAttr(at, "certificates.0.names.0", "spiffe://ldc/node/ldc1"),
			resource.TestCheckResourceAttr(at, "certificates.0.kind", "server"), resource.TestCheckResourceAttr(at, "tls_version", "TLS 1.3"),
			resource.TestCheckNoResourceAttr(at, "certificate_pem"), resource.TestCheckNoResourceAttr(at, "partner"), resource.TestCheckResourceAttrSet(at, "reason"))},
		resource.TestStep{Config: source(`fingerprint_sha256 = "` + strings.Repeat("0", 64) + `"`), ExpectError: regexp.MustCompile(words(`The server does not have that certificate`))},
		resource.TestStep{Config: source(`fingerprint_sha256 = "AB:CD"`), ExpectError: regexp.MustCompile(words(`64 hex digits`))},
		resource.TestStep{Config: strings.Replace(source(), ldc.PeerAddress, "169.254.169.254:80", 1), ExpectError: regexp.MustCompile(words(`never connects to`))},
		resource.TestStep{Config: declared, Check: resource.TestCheckResourceAttr("concord_trusted_certificate.x", "fingerprint_sha256", own.FingerprintsSHA256[0])},
		resource.TestStep{Config: declared, Check: resource.TestCheckResourceAttr(at, "leads_to.0", "ldc")},
		resource.TestStep{Config: printed, Check: resource.TestCheckResourceAttr("concord_trusted_certificate.x", "fingerprint_sha256", own.FingerprintsSHA256[0])},
		resource.TestStep{Config: printed, PlanOnly: true},
	)
}

// TestTrustMatrixStopsAPlan: a condition on the matrix lets a plan pass while all edges are sound and stops it when one is broken,
// with the reason; a check block warns instead.
func TestTrustMatrixStopsAPlan(t *testing.T) {
	ny, ldc := twoSites(t)
	base := linked(ny, ldc) + agreementBlock()
	const at = "data.concord_trust_matrix.x"
	matrix := block(`data "concord_trust_matrix" "x"`, `depends_on = [concord_replication_agreement.x]`, `lifecycle {`, `postcondition {`, `condition = self.sound`,
		`error_message = join(" ", [for e in self.edges : "${e.from} to ${e.to}: ${e.reason}." if e.result == "broken"])`, `}`, `}`)
	check := block(`check "trust"`, `assert {`, `condition = `+at+`.sound`, `error_message = "broken"`, `}`)
	acceptance(t,
		resource.TestStep{Config: base + matrix + check, Check: resource.ComposeTestCheckFunc(
			resource.TestCheckResourceAttr(at, "sound", "true"), resource.TestCheckResourceAttr(at, "edges.#", "2"),
			resource.TestCheckResourceAttr(at, "edges.0.from", "LDC"), resource.TestCheckResourceAttr(at, "edges.1.agreement_state", "ready"))},
		resource.TestStep{PreConfig: ldc.remove("/v1/trust/certificates/nydc"), Config: base + matrix, PlanOnly: true, ExpectError: regexp.MustCompile(words(`do not accept each other`))},
		resource.TestStep{Config: base},
	)
}

// TestPlanWarnsOfEnds: every plan with a trusted certificate that ends soon, has ended, or will not hold says so at the attribute.
func TestPlanWarnsOfEnds(t *testing.T) {
	t.Parallel()
	day := 24 * time.Hour
	for name, c := range map[string]struct {
		authority  bool
		life, left time.Duration
		want       string
	}{
		"a root with a year":            {true, 400 * day, 365 * day, ""},
		"a root with 31 days":           {true, 400 * day, 31*day + time.Hour, ""},
		"a root with 29 days":           {true, 400 * day, 29*day + time.Hour, "ends soon"},
		"a root that ended":             {true, 400 * day, -time.Hour, "has expired"},
		"a server's for a day":          {false, day, 20 * time.Hour, "will not hold"},
		"a server's for a year":         {false, 400 * day, 365 * day, ""},
		"a server's for a year, ending": {false, 400 * day, 2 * day, "ends soon"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := planWarnings(t, "concord_trusted_certificate", map[string]string{"name": "x", "certificate_pem": lasting(t, c.authority, c.life, c.left)})
			if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
				t.Errorf("warnings %q, want %q", got, c.want)
			}
		})
	}
}

// planWarnings plans a new resource with these texts and gives the warnings.
func planWarnings(t *testing.T, name string, texts map[string]string) (warnings string) {
	t.Helper()
	server, err := providerserver.NewProtocol6WithError(provider.New("test")())()
	if err != nil {
		t.Fatal(err)
	}
	all, err := server.GetProviderSchema(t.Context(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	typ, _ := all.ResourceSchemas[name].ValueType().(tftypes.Object)
	config, planned := map[string]tftypes.Value{}, map[string]tftypes.Value{}
	for attribute, of := range typ.AttributeTypes {
		config[attribute], planned[attribute] = tftypes.NewValue(of, nil), tftypes.NewValue(of, nil)
		if text, ok := texts[attribute]; ok {
			config[attribute] = tftypes.NewValue(of, text)
			planned[attribute] = config[attribute]
		}
	}
	dynamic := func(v any) *tfprotov6.DynamicValue {
		d, err := tfprotov6.NewDynamicValue(typ, tftypes.NewValue(typ, v))
		if err != nil {
			t.Fatal(err)
		}
		return &d
	}
	resp, err := server.PlanResourceChange(t.Context(), &tfprotov6.PlanResourceChangeRequest{TypeName: name, PriorState: dynamic(nil), Config: dynamic(config), ProposedNewState: dynamic(planned)})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range resp.Diagnostics {
		if d.Severity != tfprotov6.DiagnosticSeverityWarning || d.Attribute == nil {
			t.Errorf("%s: %s %s", d.Severity, d.Summary, d.Detail)
		}
		warnings += d.Summary + ". "
	}
	return warnings
}

// lasting is a certificate that signed itself, as PEM.
func lasting(t *testing.T, authority bool, life, left time.Duration) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	end := time.Now().Add(left)
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "x"}, NotBefore: end.Add(-life), NotAfter: end, IsCA: authority, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}
