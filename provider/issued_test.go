package provider_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/hashicorp/terraform-plugin-testing/echoprovider"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/provider"
)

// csr makes a certificate request for a URI, by a key that stays here.
func csr(t *testing.T, uri string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{URIs: []*url.URL{u}}, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
}

// list reads the certificates of an identity.
func (s site) issued(identity string) []wire.CertificateView {
	s.t.Helper()
	all, err := client.All[wire.CertificateView](s.t.Context(), s.Admin(), "/v1/certificates", url.Values{"identity": {identity}})
	if err != nil {
		s.t.Fatal(err)
	}
	return all
}

// statuses counts the certificates of an identity by status.
func (s site) statuses(identity string) string {
	count := map[string]int{}
	for _, c := range s.issued(identity) {
		count[c.Status]++
	}
	return fmt.Sprint(count)
}

// TestCertificate: SEC-41. A certificate is issued for a request, imported by its serial, replaced when it was revoked or
// comes to its end, and revoked when it is destroyed; between these every plan is empty.
func TestCertificate(t *testing.T) {
	s, block := start(t)
	const id, name = "spiffe://nydc/agent/portal", "concord_certificate.portal"
	request := csr(t, id)
	config := func(more string) string {
		return block + fmt.Sprintf("resource \"concord_certificate\" \"portal\" {\n  profile = \"agent\"\n  csr_pem = %q\n  ttl     = \"24h\"\n%s}\n", request, more)
	}
	expect := func(want string) resource.TestCheckFunc {
		return func(*terraform.State) error {
			if got := s.statuses(id); got != want {
				return fmt.Errorf("certificates of %s: %s, want %s", id, got, want)
			}
			return nil
		}
	}
	acceptanceCase(t, resource.TestCase{
		CheckDestroy: expect("map[revoked:3]"),
		Steps: []resource.TestStep{
			{Config: config("  early_renewal = \"24h\"\n"), ExpectError: regexp.MustCompile(`shorter than ttl`)},
			{Config: config(""), ConfigStateChecks: []statecheck.StateCheck{
				statecheck.ExpectKnownValue(name, tfjsonpath.New("identity"), knownvalue.StringExact(id)),
				statecheck.ExpectKnownValue(name, tfjsonpath.New("names"), knownvalue.SetExact([]knownvalue.Check{knownvalue.StringExact(id)})),
				statecheck.ExpectKnownValue(name, tfjsonpath.New("status"), knownvalue.StringExact("valid")),
				statecheck.ExpectKnownValue(name, tfjsonpath.New("chain_pem"), knownvalue.StringRegexp(regexp.MustCompile("^-----BEGIN CERTIFICATE-----"))),
			}, Check: expect("map[valid:1]")},
			{ResourceName: name, ImportState: true, ImportStateVerify: true, ImportStateVerifyIgnore: []string{"csr_pem", "ttl"}},
			{PreConfig: func() {
				if _, err := s.Admin().Do(t.Context(), client.Request{Method: http.MethodPost, Path: "/v1/certificate-revocations", In: wire.CertificateWithdrawal{Identity: id}}); err != nil {
					t.Fatal(err)
				}
			}, Config: config(""), ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(name, plancheck.ResourceActionDestroyBeforeCreate)}},
				Check: expect("map[revoked:1 valid:1]")},
			{Config: config("  early_renewal = \"23h59m59s\"\n"), PlanOnly: true, ExpectNonEmptyPlan: true},
			{Config: config("  early_renewal = \"1h\"\n  lifecycle {\n    create_before_destroy = true\n  }\n"),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(name, plancheck.ResourceActionUpdate)}}},
			{PreConfig: func() { request = csr(t, id) }, Config: block, Check: expect("map[revoked:2]")},
			{Config: block + fmt.Sprintf("resource \"concord_certificate\" \"portal\" {\n  profile = \"administrator\"\n  csr_pem = %q\n}\n", request), ExpectError: regexp.MustCompile(`(?s)csr_pem.*spiffe://nydc/admin/`)},
			{Config: config("")},
		},
	})
}

// TestCertificateWhoseAnswerIsLost: the request is repeated, and the data center gives the one certificate that it has issued (SEC-49).
func TestCertificateWhoseAnswerIsLost(t *testing.T) {
	t.Parallel()
	s, _ := start(t)
	b := between{cut: "/v1/certificates"}
	p := plugged{protocol: speak(t, map[string]tftypes.Value{"endpoint": text(s.reached(&b)), "token": text(s.Token), "max_retries": tftypes.NewValue(tftypes.Number, 2)}), name: "concord_certificate"}
	p.schema = p.schemas.ResourceSchemas[p.name]
	p.typ, _ = p.schema.ValueType().(tftypes.Object)
	const id = "spiffe://nydc/agent/portal"
	config, none := map[string]any{"profile": "agent", "csr_pem": csr(t, id)}, tftypes.NewValue(p.typ, nil)
	planned, errs := p.plan(none, config)
	after, more := p.apply(none, planned, config)
	if errs != "" || more != "" || b.cut != "" || s.statuses(id) != "map[valid:1]" || textOf(t, p.fields(after)["serial"]) != s.issued(id)[0].Serial {
		t.Errorf("%s%s: %s, %s", errs, more, s.statuses(id), after)
	}
	for _, wrong := range []map[string]any{{"profile": "agent", "csr_pem": "x"}, {"profile": "node", "csr_pem": config["csr_pem"]}} {
		if _, errs := p.plan(none, wrong); !strings.Contains(errs, "csr_pem: ") {
			t.Errorf("planned: %q", errs)
		}
	}
}

// TestImportedCertificateIsNotReplaced: what the server does not give back is taken from the configuration.
func TestImportedCertificateIsNotReplaced(t *testing.T) {
	s, block := start(t)
	const id = "spiffe://nydc/agent/a"
	request := csr(t, id)
	var made wire.IssuedCertificate
	if _, err := s.Admin().Do(t.Context(), client.Request{Method: http.MethodPost, Path: "/v1/certificates", In: wire.CertificateOrder{Profile: "agent", CSRPEM: request}, Out: &made}); err != nil {
		t.Fatal(err)
	}
	config := block + fmt.Sprintf("import {\n  to = concord_certificate.a\n  id = %q\n}\nresource \"concord_certificate\" \"a\" {\n  profile = \"agent\"\n  csr_pem = %q\n  ttl     = \"24h\"\n}\n", made.Serial, request)
	acceptance(t, resource.TestStep{Config: config, Check: func(*terraform.State) error {
		if got := s.statuses(id); got != "map[valid:1]" {
			return fmt.Errorf("after the import: %s", got)
		}
		return nil
	}})
}

// TestClientCertificate: the key is handed on within one run, lies in no state, and the certificate is revoked at its end if
// that was asked for.
func TestClientCertificate(t *testing.T) {
	s, block := start(t)
	const id = "spiffe://nydc/admin/deploy"
	config := block + `
ephemeral "concord_client_certificate" "deploy" {
  profile         = "administrator"
  name            = "deploy"
  ttl             = "15m"
  revoke_on_close = true
}

provider "echo" {
  data = {
    identity = ephemeral.concord_client_certificate.deploy.identity
    paired   = startswith(ephemeral.concord_client_certificate.deploy.private_key_pem, "-----BEGIN PRIVATE KEY-----")
  }
}

resource "echo" "seen" {}
`
	needTerraform(t)
	t.Parallel()
	resource.Test(t, resource.TestCase{
		IsUnitTest: true,
		ProtoV6ProviderFactories: map[string]func() (tfprotov6.ProviderServer, error){
			"concord": providerserver.NewProtocol6WithError(provider.New("test")()), "echo": echoprovider.NewProviderServer()},
		Steps: []resource.TestStep{{Config: config, ConfigStateChecks: []statecheck.StateCheck{
			statecheck.ExpectKnownValue("echo.seen", tfjsonpath.New("data").AtMapKey("identity"), knownvalue.StringExact(id)),
			statecheck.ExpectKnownValue("echo.seen", tfjsonpath.New("data").AtMapKey("paired"), knownvalue.Bool(true)),
		}}},
	})
	all := s.issued(id)
	for _, c := range all {
		if c.Status != "revoked" {
			t.Errorf("certificate %s is %s after the run", c.Serial, c.Status)
		}
	}
	if len(all) == 0 {
		t.Error("no certificate was issued")
	}
}
