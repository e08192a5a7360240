package mdc_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// TestAgentIdentities: an agent lists certificates by their exact names, and only ones that name it (SEC-41).
func TestAgentIdentities(t *testing.T) {
	t.Parallel()
	for id, ok := range map[string]bool{
		"spiffe://nydc/agent/web-1":         true,
		"spiffe://ldc/agent/web-1":          true,
		"spiffe://NYDC/agent/web-1":         false,
		"SPIFFE://nydc/agent/web-1":         false,
		"spiffe://nydc/agent/WEB-1":         false, // another agent's
		"spiffe://nydc/agent/web-2":         false,
		"spiffe://nydc/agent/web-1/":        false,
		"spiffe://nydc/agent/web%2D1":       false,
		"spiffe://nydc/agent//web-1":        false,
		"spiffe://nydc/node/web-1":          false,
		"spiffe://nydc/admin/web-1":         false,
		"spiffe://x.nydc/agent/web-1":       false,
		"spiffe://nydc:443/agent/web-1":     false,
		"spiffe://a@nydc/agent/web-1":       false,
		"spiffe://nydc/agent/web-1?a":       false,
		"spiffe://nydc/agent/web-1#":        false,
		" spiffe://nydc/agent/web-1":        false,
		"spiffe:///agent/web-1":             false,
		"spiffe://nydc/agent/":              false,
		"web-1":                             false,
		"":                                  false,
		"spiffe://nydc/agent/web-1\x00":     false,
		"spiffe://1nydc/agent/web-1":        false,
		"spiffe://nydc/x/agent/web-1":       false,
		"spiffe://nydc/agent/x/agent/web-1": false,
	} {
		a := mdc.Agent{Name: "web-1", Hosts: []string{"https://shop.example.com"}, CertificateIdentities: []string{id}}
		if fields := a.Validate(); (len(fields) == 0) != ok {
			t.Errorf("%q: %v", id, fields)
		}
	}
	many := mdc.Agent{Name: "a", Hosts: []string{"https://shop.example.com"}}
	for i := range mdc.MaxCertificateIdentities + 1 {
		many.CertificateIdentities = append(many.CertificateIdentities, fmt.Sprintf("spiffe://c%s%d/agent/a", strings.Repeat("x", i%3), i))
	}
	if fields := many.Validate(); len(fields) != 1 || fields[0].Pointer != "/certificate_identities" {
		t.Errorf("too many: %v", fields)
	}
}
