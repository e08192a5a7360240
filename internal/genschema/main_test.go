package main

import (
	"bytes"
	"testing"

	tfjson "github.com/hashicorp/terraform-json"

	"github.com/concord-access/terraform-provider-concord/provider"
)

// TestSchemaIsTerraforms: what is written reads as Terraform's own schema document, with every part of the provider in it.
func TestSchemaIsTerraforms(t *testing.T) {
	const address = "registry.terraform.io/hashicorp/concord"
	var b bytes.Buffer
	if err := write(t.Context(), &b, address); err != nil {
		t.Fatal(err)
	}
	var doc tfjson.ProviderSchemas
	if err := doc.UnmarshalJSON(b.Bytes()); err != nil {
		t.Fatal(err)
	}
	declared := provider.New("dev")()
	resources, sources := len(declared.Resources(t.Context())), len(declared.DataSources(t.Context()))
	p := doc.Schemas[address]
	if p == nil || p.ConfigSchema == nil || len(p.ResourceSchemas) != resources || len(p.DataSourceSchemas) != sources || len(p.ResourceIdentitySchemas) != resources {
		t.Fatalf("want %d resources and %d data sources, got %+v", resources, sources, p)
	}
	user := p.ResourceSchemas["concord_user"].Block.Attributes
	if a := user["password_wo"]; a == nil || !a.WriteOnly || !a.Sensitive || !a.Optional {
		t.Errorf("password_wo is %+v", a)
	}
	if a := p.ResourceSchemas["concord_application"].Block.Attributes["resources"]; a == nil || a.AttributeNestedType == nil || a.AttributeNestedType.NestingMode != tfjson.SchemaNestingModeMap {
		t.Errorf("resources is %+v", a)
	}
}
