package provider_test

import (
	"encoding/pem"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// rotates makes a step of the rotation at LDC and waits until NYDC has what it told.
func (s site) rotates(step string, at site) func() {
	return func() {
		s.t.Helper()
		s.Within(testkit.Limit, step+" is ready", func() bool { return s.Rotation().Ready })
		if _, err := s.Rotate(step, false); err != nil {
			s.t.Fatal(err)
		}
		s.Within(testkit.Limit, at.ClusterID+" has the bundle", func() bool { return len(s.Rotation().WaitingFor) == 0 })
	}
}

// holds checks that a PEM text holds these certificates, in this order.
func holds(wanted func() []string) resource.CheckResourceAttrWithFunc {
	return func(text string) error {
		var all []string
		for rest := []byte(text); ; {
			var b *pem.Block
			if b, rest = pem.Decode(rest); b == nil {
				break
			}
			all = append(all, string(pem.EncodeToMemory(b)))
		}
		if want := wanted(); strings.Join(all, "") != strings.Join(want, "") {
			return fmt.Errorf("%d certificates, want %d, or they are others", len(all), len(want))
		}
		return nil
	}
}

// TestTrustFollowsARotation: FLT-21, MSS-10. A trusted certificate that is made from the other data center's bundle follows the rotation
// of its root by plan: both roots after publish, no change at the switch, the new one alone after retire. What is learned in between is
// in the data sources and never drift, also where the certificate is written out; each plan after an apply is empty.
func TestTrustFollowsARotation(t *testing.T) {
	ny, ldc := twoSites(t)
	const at, bundle, learned = "concord_trusted_certificate.at_ny", "data.concord_trust_bundle.ldc", "data.concord_partner_trust.ldc"
	sources := block(`data "concord_partner_trust" "ldc"`, `cluster_id = "LDC"`, `depends_on = [concord_partner.at_ny, concord_partner.at_ldc]`)
	file := fmt.Sprintf("ca_cert_file = %q", filepath.Join(ldc.DataDir, "ca.pem")) // the provider's own trust follows by the file
	config := strings.Replace(linked(ny, ldc), fmt.Sprintf("ca_cert_pem = %q", ldc.CACertPEM), file, 1) + sources
	first := ldc.CACertPEM
	pinned := strings.Replace(config, "data.concord_trust_bundle.ldc.certificate_pem", strconv.Quote(first), 1)
	var roots []string // as they are after publish
	both := func() []string { return roots }
	published := func() {
		ldc.rotates("publish", ny)()
		var v wire.TrustBundle
		ldc.Get("/v1/trust/bundle", &v)
		roots = []string{first, strings.TrimPrefix(v.CertificatePEM, first)}
	}
	does := func(a plancheck.ResourceActionType) resource.ConfigPlanChecks {
		return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(at, a)}}
	}
	unchanged := resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}}
	has := func(name string, pairs ...string) resource.TestCheckFunc {
		var all []resource.TestCheckFunc
		for i := 0; i < len(pairs); i += 2 {
			all = append(all, resource.TestCheckResourceAttr(name, pairs[i], pairs[i+1]))
		}
		return resource.ComposeTestCheckFunc(all...)
	}
	acceptance(t,
		resource.TestStep{Config: config, Check: resource.ComposeTestCheckFunc(
			has(bundle, "sequence", "1", "fingerprints_sha256.#", "1", "rotation.phase", "stable", "rotation.next_step", "publish", "rotation.ready", "true", "rotation.roots.#", "1",
				"rotation.roots.0.status", "issuing", "rotation.former_certificates", "0"),
			has(learned, "id", "LDC", "damaged", "false"), resource.TestCheckResourceAttrWith(at, "certificate_pem", holds(func() []string { return []string{first} })))},
		resource.TestStep{PreConfig: published, Config: pinned, ConfigPlanChecks: unchanged, Check: resource.ComposeTestCheckFunc(
			has(learned, "sequence", "2", "roots.0.source", "declared", "roots.1.source", "learned", "roots.2.source", "learned", "roots.#", "3"), resource.TestCheckNoResourceAttr(learned, "last_error"),
			resource.TestCheckResourceAttrSet(learned, "last_refresh"), resource.TestCheckResourceAttrWith(at, "certificate_pem", holds(func() []string { return []string{first} })))},
		resource.TestStep{Config: config, ConfigPlanChecks: does(plancheck.ResourceActionUpdate), Check: resource.ComposeTestCheckFunc(
			has(bundle, "sequence", "2", "fingerprints_sha256.#", "2", "rotation.phase", "published", "rotation.next_step", "switch", "rotation.ready", "true", "rotation.roots.#", "2",
				"rotation.roots.0.status", "issuing", "rotation.roots.1.status", "next", "rotation.waiting_for.#", "0"),
			resource.TestCheckResourceAttrWith(at, "certificate_pem", holds(both)))},
		resource.TestStep{PreConfig: ldc.rotates("switch", ny), Config: config, ConfigPlanChecks: unchanged, Check: resource.ComposeTestCheckFunc(
			has(bundle, "sequence", "2", "rotation.phase", "switched", "rotation.next_step", "retire", "rotation.roots.0.status", "former", "rotation.roots.1.status", "issuing"),
			resource.TestCheckResourceAttrWith(at, "certificate_pem", holds(both)))},
		resource.TestStep{PreConfig: ldc.rotates("retire", ny), Config: config, ConfigPlanChecks: does(plancheck.ResourceActionUpdate), Check: resource.ComposeTestCheckFunc(
			has(bundle, "sequence", "3", "fingerprints_sha256.#", "1", "rotation.phase", "stable", "rotation.roots.#", "1", "rotation.roots.0.status", "issuing"),
			has(learned, "sequence", "3"), resource.TestCheckTypeSetElemNestedAttrs(learned, "roots.*", map[string]string{"source": "retired"}),
			resource.TestCheckResourceAttrWith(at, "certificate_pem", holds(func() []string { return roots[1:] })))},
		resource.TestStep{Config: config, ConfigPlanChecks: unchanged, Check: resource.ComposeTestCheckFunc(
			has(learned, "roots.0.source", "declared", "roots.1.source", "learned", "roots.2.source", "retired", "roots.#", "3"))},
	)
}
