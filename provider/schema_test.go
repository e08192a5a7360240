package provider_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/concord-access/terraform-provider-concord/provider"
)

func schemas(t *testing.T) *tfprotov6.GetProviderSchemaResponse {
	t.Helper()
	r, err := providerserver.NewProtocol6(provider.New("test")())().GetProviderSchema(t.Context(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range r.Diagnostics {
		t.Errorf("schema: %s: %s", d.Summary, d.Detail)
	}
	return r
}

// TestNames: the resources and data sources that people depend on are there under their names.
func TestNames(t *testing.T) {
	r := schemas(t)
	resources := strings.Fields("concord_data_center concord_partner_profile concord_partner concord_trusted_certificate concord_replication_agreement concord_session_policy concord_user concord_group concord_application concord_authorization_policy concord_agent concord_setting concord_override concord_package concord_certificate concord_user_collection concord_group_collection concord_application_collection")
	for _, name := range resources {
		if r.ResourceSchemas[name] == nil {
			t.Errorf("no resource %s", name)
		}
	}
	for _, name := range strings.Fields("concord_trust_bundle concord_partner_trust concord_data_center concord_replication_status concord_remote_certificate concord_trust_matrix concord_users concord_groups concord_applications concord_authorization_policies concord_agents concord_partners concord_trusted_certificates concord_security_domains concord_identity_stores concord_authentication_schemes") {
		if r.DataSourceSchemas[name] == nil {
			t.Errorf("no data source %s", name)
		}
	}
}

// TestEphemeralNames: the ephemeral resources that people depend on are there under their names.
func TestEphemeralNames(t *testing.T) {
	r := schemas(t)
	for _, name := range strings.Fields("concord_client_certificate") {
		if r.EphemeralResourceSchemas[name] == nil {
			t.Errorf("no ephemeral resource %s", name)
		}
	}
}

// TestNewerNames: the actions that people depend on are there under their names, and a list of every resource that stands for something in a data center.
func TestNewerNames(t *testing.T) {
	r := schemas(t)
	for _, name := range strings.Fields("concord_promote concord_demote concord_pull concord_test_partner") {
		if r.ActionSchemas[name] == nil {
			t.Errorf("no action %s", name)
		}
	}
	for name := range r.ResourceSchemas {
		if r.ListResourceSchemas[name] == nil && !strings.HasSuffix(name, "_collection") { // which no data center knows
			t.Errorf("no list of %s", name)
		}
	}
}

// TestFunctionNames: the functions that people depend on are there under their names.
func TestFunctionNames(t *testing.T) {
	r := schemas(t)
	for _, name := range strings.Fields("certificate_fingerprint parse_oam_properties") {
		if r.Functions[name] == nil {
			t.Errorf("no function %s", name)
		}
	}
}

// TestDescribed: every schema and every attribute has whole sentences, and what is sensitive and write-only says both.
func TestDescribed(t *testing.T) {
	r := schemas(t)
	check := func(name string, s *tfprotov6.Schema) {
		described(t, name, s.Block.Description)
		attributes(t, name, s.Block.Attributes)
	}
	check("provider", r.Provider)
	for name, s := range r.ResourceSchemas {
		check(name, s)
		if id := s.Block.Attributes; !computed(id, "id") {
			t.Errorf("%s: no computed id", name)
		}
	}
	for name, s := range r.DataSourceSchemas {
		check("data "+name, s)
	}
	for name, f := range r.Functions {
		described(t, "function "+name, f.Description)
		described(t, "summary of function "+name, f.Summary+".")
		for _, p := range f.Parameters {
			described(t, "function "+name+", "+p.Name, p.Description)
		}
	}
	for name, s := range r.EphemeralResourceSchemas {
		check("ephemeral "+name, s)
	}
	newer := func(what string, s *tfprotov6.Schema) {
		check(what, s)
		if !strings.HasSuffix(s.Block.Description, "Needs Terraform 1.14 or newer.") {
			t.Errorf("%s does not say what it needs: %q", what, s.Block.Description)
		}
	}
	for name, s := range r.ListResourceSchemas {
		newer("list "+name, s)
	}
	for name, s := range r.ActionSchemas {
		newer("action "+name, s.Schema)
	}
}

func attributes(t *testing.T, at string, list []*tfprotov6.SchemaAttribute) {
	t.Helper()
	for _, a := range list {
		name := at + "." + a.Name
		described(t, name, a.Description)
		if strings.HasSuffix(a.Name, "_wo") && !(a.WriteOnly && a.Sensitive) {
			t.Errorf("%s is not write-only and sensitive", name)
		}
		if a.NestedType != nil {
			attributes(t, name, a.NestedType.Attributes)
		}
	}
}

func described(t *testing.T, name, text string) {
	t.Helper()
	if !regexp.MustCompile("(?s)^[A-Z0-9`].{10,}[.]$").MatchString(text) {
		t.Errorf("%s is not described by a sentence: %q", name, text)
	}
}

func computed(list []*tfprotov6.SchemaAttribute, name string) bool {
	for _, a := range list {
		if a.Name == name {
			return a.Computed
		}
	}
	return false
}

// TestIdentities: every resource has the identity that newer Terraform imports by.
func TestIdentities(t *testing.T) {
	server := providerserver.NewProtocol6(provider.New("test")())()
	r, err := server.GetResourceIdentitySchemas(t.Context(), &tfprotov6.GetResourceIdentitySchemasRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for name := range schemas(t).ResourceSchemas {
		s := r.IdentitySchemas[name]
		want := "id"
		if name == "concord_override" {
			want = "kind name"
		}
		var parts []string
		for _, a := range s.IdentityAttributes {
			if !a.RequiredForImport {
				t.Errorf("%s: %s may be left out", name, a.Name)
			}
			described(t, name+" identity "+a.Name, a.Description)
			parts = append(parts, a.Name)
		}
		slices.Sort(parts)
		if got := strings.Join(parts, " "); got != want {
			t.Errorf("%s: identity has %q, want %q", name, got, want)
		}
	}
}

// TestExamplesExist: the documentation shows a configuration and an import of everything, and no example is left over.
func TestExamplesExist(t *testing.T) {
	r := schemas(t)
	root := filepath.Join("..", "examples")
	want := map[string]bool{filepath.Join(root, "provider", "provider.tf"): true}
	for name := range r.ResourceSchemas {
		for _, f := range []string{"resource.tf", "import.sh", "import-by-string-id.tf", "import-by-identity.tf"} {
			want[filepath.Join(root, "resources", name, f)] = true
		}
	}
	for name := range r.ListResourceSchemas {
		want[filepath.Join(root, "list-resources", name, "list-resource.tfquery.hcl")] = true
	}
	for name := range r.ActionSchemas {
		want[filepath.Join(root, "actions", name, "action.tf")] = true
	}
	for name := range r.DataSourceSchemas {
		want[filepath.Join(root, "data-sources", name, "data-source.tf")] = true
	}
	for name := range r.EphemeralResourceSchemas {
		want[filepath.Join(root, "ephemeral-resources", name, "ephemeral-resource.tf")] = true
	}
	for name := range r.Functions {
		want[filepath.Join(root, "functions", name, "function.tf")] = true
	}
	for name := range want {
		if b, err := os.ReadFile(name); err != nil || len(b) < 20 {
			t.Errorf("%s: %d bytes, %v", name, len(b), err)
		}
	}
	for _, pattern := range []string{"provider/*", "resources/*/*", "data-sources/*/*", "ephemeral-resources/*/*", "list-resources/*/*", "actions/*/*", "functions/*/*"} {
		have, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range have {
			dir := filepath.Dir(name)
			shown, _ := os.ReadFile(filepath.Join(dir, "resource.tf"))  // none beside what is no resource
			called, _ := os.ReadFile(filepath.Join(dir, "function.tf")) // none beside what is no function
			shown = append(shown, called...)
			if filepath.Base(name) == "tests" { // TestTerraformTests runs them
				continue
			}
			if !want[name] && !bytes.Contains(shown, []byte("/"+filepath.Base(name)+`"`)) {
				t.Errorf("%s belongs to nothing", name)
			}
		}
	}
}
