package provider_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/concord-access/terraform-provider-concord/provider"
)

// protocol speaks to the provider as a Terraform of any version does.
type protocol struct {
	tfprotov6.ProviderServer
	t          *testing.T
	schemas    *tfprotov6.GetProviderSchemaResponse
	identities map[string]*tfprotov6.ResourceIdentitySchema
}

// speak configures a provider with the endpoint of the data center; over changes the block.
func (s site) speak(over map[string]tftypes.Value) *protocol {
	s.t.Helper()
	block := map[string]tftypes.Value{"endpoint": text(s.Endpoint), "token": text(s.Token), "ca_cert_pem": text(s.CACertPEM), "max_retries": tftypes.NewValue(tftypes.Number, 1)}
	for name, v := range over {
		block[name] = v
	}
	return speak(s.t, block)
}

// speak configures a provider with a block.
func speak(t *testing.T, block map[string]tftypes.Value) *protocol {
	t.Helper()
	p := &protocol{ProviderServer: providerserver.NewProtocol6(provider.New("test")())(), t: t}
	var err error
	if p.schemas, err = p.GetProviderSchema(t.Context(), &tfprotov6.GetProviderSchemaRequest{}); err != nil {
		t.Fatal(err)
	}
	ids, err := p.GetResourceIdentitySchemas(t.Context(), &tfprotov6.GetResourceIdentitySchemasRequest{})
	if err != nil {
		t.Fatal(err)
	}
	p.identities = ids.IdentitySchemas
	r, err := p.ConfigureProvider(t.Context(), &tfprotov6.ConfigureProviderRequest{TerraformVersion: "1.14.0", Config: objectOf(t, p.schemas.Provider, block)})
	if err != nil || len(r.Diagnostics) > 0 {
		t.Fatal(r, err)
	}
	return p
}

func text(s string) tftypes.Value { return tftypes.NewValue(tftypes.String, s) }

// identity makes the identity of a resource.
func (p *protocol) identity(name string, parts map[string]string) *tfprotov6.ResourceIdentityData {
	p.t.Helper()
	values := map[string]tftypes.Value{}
	for part, value := range parts {
		values[part] = text(value)
	}
	of := p.identities[name].ValueType()
	v, err := tfprotov6.NewDynamicValue(of, tftypes.NewValue(of, values))
	if err != nil {
		p.t.Fatal(err)
	}
	return &tfprotov6.ResourceIdentityData{IdentityData: &v}
}

// parts reads an identity; nil for none.
func (p *protocol) parts(name string, id *tfprotov6.ResourceIdentityData) map[string]string {
	p.t.Helper()
	if id == nil || id.IdentityData == nil {
		return nil
	}
	v, err := id.IdentityData.Unmarshal(p.identities[name].ValueType())
	if err != nil {
		p.t.Fatal(err)
	}
	return p.texts(v)
}

// attributes reads a state's attributes; nil for an object that is gone.
func (p *protocol) attributes(name string, state *tfprotov6.DynamicValue) map[string]tftypes.Value {
	p.t.Helper()
	if state == nil {
		return nil
	}
	v, err := state.Unmarshal(p.schemas.ResourceSchemas[name].ValueType())
	if err != nil {
		p.t.Fatal(err)
	}
	if v.IsNull() {
		return nil
	}
	var out map[string]tftypes.Value
	if err := v.As(&out); err != nil {
		p.t.Fatal(err)
	}
	return out
}

func (p *protocol) texts(v tftypes.Value) map[string]string {
	p.t.Helper()
	var values map[string]tftypes.Value
	if err := v.As(&values); err != nil {
		p.t.Fatal(err)
	}
	out := map[string]string{}
	for name, value := range values {
		out[name] = textOf(p.t, value)
	}
	return out
}

func textOf(t *testing.T, v tftypes.Value) string {
	t.Helper()
	var s *string
	if err := v.As(&s); err != nil {
		t.Fatal(err)
	}
	if s == nil {
		return ""
	}
	return *s
}

// adopt imports an object and reads it, as Terraform does with an import block.
func (p *protocol) adopt(name string, req tfprotov6.ImportResourceStateRequest) (*tfprotov6.ReadResourceResponse, []*tfprotov6.Diagnostic) {
	p.t.Helper()
	req.TypeName = name
	r, err := p.ImportResourceState(p.t.Context(), &req)
	if err != nil {
		p.t.Fatal(err)
	}
	if len(r.Diagnostics) > 0 {
		return nil, r.Diagnostics
	}
	one := r.ImportedResources[0]
	return p.read(name, one.State, one.Identity, one.Private), nil
}

func (p *protocol) read(name string, state *tfprotov6.DynamicValue, id *tfprotov6.ResourceIdentityData, private []byte) *tfprotov6.ReadResourceResponse {
	p.t.Helper()
	r, err := p.ReadResource(p.t.Context(), &tfprotov6.ReadResourceRequest{TypeName: name, CurrentState: state, CurrentIdentity: id, Private: private})
	if err != nil {
		p.t.Fatal(err)
	}
	return r
}

// generate has a configuration made of a state, as terraform query and plan -generate-config-out do.
func (p *protocol) generate(name string, state *tfprotov6.DynamicValue) *tfprotov6.DynamicValue {
	p.t.Helper()
	r, err := p.GenerateResourceConfig(p.t.Context(), &tfprotov6.GenerateResourceConfigRequest{TypeName: name, State: state})
	if err != nil || len(r.Diagnostics) > 0 {
		p.t.Fatal(r, err)
	}
	return r.Config
}

// list runs a list to its end.
func (p *protocol) list(name string, limit int64, include bool, filters map[string]tftypes.Value) []tfprotov6.ListResourceResult {
	p.t.Helper()
	server, ok := p.ProviderServer.(tfprotov6.ListResourceServer)
	if !ok {
		p.t.Fatal("the provider has no lists")
	}
	config := objectOf(p.t, p.schemas.ListResourceSchemas[name], filters)
	checked, err := server.ValidateListResourceConfig(p.t.Context(), &tfprotov6.ValidateListResourceConfigRequest{TypeName: name, Config: config})
	if err != nil {
		p.t.Fatal(err)
	}
	if len(checked.Diagnostics) > 0 {
		return []tfprotov6.ListResourceResult{{Diagnostics: checked.Diagnostics}}
	}
	r, err := server.ListResource(p.t.Context(), &tfprotov6.ListResourceRequest{TypeName: name, Config: config, Limit: limit, IncludeResource: include})
	if err != nil {
		p.t.Fatal(err)
	}
	var all []tfprotov6.ListResourceResult
	for one := range r.Results {
		all = append(all, one)
	}
	return all
}

// invoke runs an action, planned as Terraform plans it, and gives its messages and what it ends with.
func (p *protocol) invoke(name string, config map[string]tftypes.Value) (messages []string, diags []*tfprotov6.Diagnostic) {
	p.t.Helper()
	server, ok := p.ProviderServer.(tfprotov6.ActionServer)
	if !ok {
		p.t.Fatal("the provider has no actions")
	}
	given := objectOf(p.t, p.schemas.ActionSchemas[name].Schema, config)
	checked, err := server.ValidateActionConfig(p.t.Context(), &tfprotov6.ValidateActionConfigRequest{ActionType: name, Config: given})
	if err != nil || len(checked.Diagnostics) > 0 {
		return nil, checked.Diagnostics
	}
	planned, err := server.PlanAction(p.t.Context(), &tfprotov6.PlanActionRequest{ActionType: name, Config: given})
	if err != nil || len(planned.Diagnostics) > 0 {
		return nil, planned.Diagnostics
	}
	r, err := server.InvokeAction(p.t.Context(), &tfprotov6.InvokeActionRequest{ActionType: name, Config: given})
	if err != nil {
		p.t.Fatal(err)
	}
	for event := range r.Events {
		switch e := event.Type.(type) {
		case tfprotov6.ProgressInvokeActionEventType:
			messages = append(messages, e.Message)
		case tfprotov6.CompletedInvokeActionEventType:
			diags = append(diags, e.Diagnostics...)
		}
	}
	return messages, diags
}

// says gives diagnostics as one text.
func says(diags []*tfprotov6.Diagnostic) string {
	var out strings.Builder
	for _, d := range diags {
		fmt.Fprintf(&out, "%s: %s: %s\n", d.Severity, d.Summary, d.Detail)
	}
	return out.String()
}
