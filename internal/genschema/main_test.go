package main

import (
	"bytes"
	"testing"

	tfjson "github.com/hashicorp/terraform-json"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/zclconf/go-cty/cty"

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
	const collections = 3 // what one of them owns is listed by its own resources
	if len(p.ListResourceSchemas) != resources-collections || len(p.ActionSchemas) != 4 {
		t.Errorf("want a list of each resource but the collections, and 4 actions; got %d and %d", len(p.ListResourceSchemas), len(p.ActionSchemas))
	}
	if a := p.ActionSchemas["concord_promote"]; a == nil || a.Block == nil || a.Block.Attributes["force"] == nil {
		t.Errorf("concord_promote is %+v", a)
	}
	if l := p.ListResourceSchemas["concord_group"]; l == nil || l.Block.Attributes["name_prefix"] == nil || l.Block.Attributes["security_domain"] == nil {
		t.Errorf("the list of concord_group is %+v", l)
	}
	functions, err := providerserver.NewProtocol6(declared)().GetFunctions(t.Context(), &tfprotov6.GetFunctionsRequest{})
	if err != nil || len(p.Functions) == 0 || len(p.Functions) != len(functions.Functions) {
		t.Errorf("functions %v, %v", p.Functions, err)
	}
	if f := p.Functions["certificate_fingerprint"]; f == nil || f.ReturnType != cty.String || f.Summary == "" || f.Description == "" || len(f.Parameters) != 1 || f.Parameters[0].Type != cty.String || f.Parameters[0].Name != "pem" || f.Parameters[0].Description == "" {
		t.Errorf("certificate_fingerprint is %+v", f)
	}
	if f := p.Functions["parse_oam_properties"]; f == nil || !f.ReturnType.IsObjectType() || f.ReturnType.AttributeType("primary") != cty.List(cty.String) {
		t.Errorf("parse_oam_properties is %+v", f)
	}
	user := p.ResourceSchemas["concord_user"].Block.Attributes
	if a := user["password_wo"]; a == nil || !a.WriteOnly || !a.Sensitive || !a.Optional {
		t.Errorf("password_wo is %+v", a)
	}
	if a := p.ResourceSchemas["concord_application"].Block.Attributes["resources"]; a == nil || a.AttributeNestedType == nil || a.AttributeNestedType.NestingMode != tfjson.SchemaNestingModeMap {
		t.Errorf("resources is %+v", a)
	}
}
