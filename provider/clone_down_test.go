package provider_test

import (
	"net/http"
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// put writes an object.
func (s site) put(path string, body any) {
	s.t.Helper()
	if _, err := s.Admin().Do(s.t.Context(), client.Request{Method: http.MethodPut, Path: path, In: body}); err != nil {
		s.t.Fatal(err)
	}
}

// link registers and trusts the other data center at s, without Terraform.
func (s site) link(role string, other site) {
	s.t.Helper()
	var bundle wire.TrustBundle
	if err := other.get("/v1/trust/bundle", &bundle); err != nil {
		s.t.Fatal(err)
	}
	s.put("/v1/data-center", wire.DataCenter{ClusterID: s.ClusterID, Role: role})
	s.put("/v1/partner-profile", wire.PartnerProfile{AgentID: "of-" + s.ClusterID, AllowManagement: true})
	s.put("/v1/trust/certificates/other", wire.TrustedCertificate{Name: "other", CertificatePEM: bundle.CertificatePEM, Partner: other.ClusterID})
	s.put("/v1/partners/"+other.ClusterID, wire.Partner{ClusterID: other.ClusterID, AgentID: "of-" + other.ClusterID, Primary: []string{other.PeerAddress}})
}

// TestCloneDown: an agreement is neither made nor ended on one side only; the errors say why, and what to do when the clone
// never comes back (OAM-53).
func TestCloneDown(t *testing.T) {
	ny, ldc := twoSites(t)
	ny.link("master", ldc)
	ldc.link("clone", ny)
	agreement := block(`resource "concord_replication_agreement" "x"`, `name = "to-ldc"`, `source = "NYDC"`, `target = "LDC"`)
	provider := ny.block("concord")
	nothing := provider + `data "concord_data_center" "x" {}`
	acceptance(t,
		resource.TestStep{PreConfig: ldc.Stop, Config: provider + agreement, ExpectError: regexp.MustCompile(words(`LDC cannot be reached`))},
		resource.TestStep{PreConfig: ldc.Start, Config: provider + agreement},
		resource.TestStep{PreConfig: ldc.Stop, Config: nothing, ExpectError: regexp.MustCompile(words(`LDC cannot be reached`))},
		resource.TestStep{PreConfig: ldc.Start, Config: nothing},
	)
}
