package provider_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// stateFile is what of Terraform's state file this test needs to know.
type stateFile struct {
	Version          int             `json:"version"`
	TerraformVersion string          `json:"terraform_version"`
	Serial           int             `json:"serial"`
	Lineage          string          `json:"lineage"`
	Outputs          map[string]any  `json:"outputs"`
	Resources        []stateResource `json:"resources"`
}

type stateResource struct {
	Mode      string          `json:"mode"`
	Type      string          `json:"type"`
	Name      string          `json:"name"`
	Provider  string          `json:"provider"`
	Instances []stateInstance `json:"instances"`
}

type stateInstance struct {
	SchemaVersion       int            `json:"schema_version"`
	Attributes          map[string]any `json:"attributes"`
	SensitiveAttributes []any          `json:"sensitive_attributes"`
}

// asNow stands in the stored state for a value that each run makes anew, such as an address.
const asNow = "${now}"

// TestStateOfTheFirstShape: a state in which every resource has the attributes that the first form of its schema had, without private state and
// identities, is read by this version without an error, and its plan is empty: what is newer has its default and changes nothing (SEC-69).
func TestStateOfTheFirstShape(t *testing.T) {
	t.Parallel()
	ny, ldc := twoSites(t)
	main, err := os.ReadFile(filepath.Join("testdata", "first-shape", "main.tf"))
	if err != nil {
		t.Fatal(err)
	}
	request := csr(t, "spiffe://nydc/agent/portal")
	tf := newByHand(t, "")
	tf.write("licence.txt", "A licence.")
	tf.write("main.tf", aliased(linked(ny, ldc)+agreementBlock()+
		"resource \"concord_certificate\" \"x\" {\n  profile = \"agent\"\n  csr_pem = <<-EOT\n"+indent(request)+"\nEOT\n}\n"+string(main)))
	tf.must("apply", "-auto-approve")
	var now, first stateFile
	for name, into := range map[string]*stateFile{filepath.Join(tf.dir, "terraform.tfstate"): &now, filepath.Join("testdata", "first-shape", "state.json"): &first} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, into); err != nil {
			t.Fatal(name, err)
		}
	}
	kinds := map[string]bool{}
	for i, r := range first.Resources {
		kinds[r.Type] = true
		first.Resources[i].Instances[0].fill(now.attributes(t, r))
	}
	for name := range schemas(t).ResourceSchemas {
		if !kinds[name] {
			t.Errorf("no %s in the stored state", name)
		}
	}
	b, err := json.Marshal(first)
	if err != nil {
		t.Fatal(err)
	}
	tf.write("terraform.tfstate", string(b))
	tf.empty()
	if out := tf.must("apply", "-auto-approve"); !strings.Contains(out, "0 added, 0 changed, 0 destroyed") {
		t.Error(out)
	}
}

// attributes are those of the same resource.
func (s stateFile) attributes(t *testing.T, of stateResource) map[string]any {
	t.Helper()
	for _, r := range s.Resources {
		if r.Mode == of.Mode && r.Type == of.Type && r.Name == of.Name {
			return r.Instances[0].Attributes
		}
	}
	t.Fatalf("no %s %s", of.Type, of.Name)
	return nil
}

// fill puts in what each run makes anew.
func (i stateInstance) fill(now map[string]any) {
	for name, value := range i.Attributes {
		if value == asNow {
			i.Attributes[name] = now[name]
		}
	}
}
