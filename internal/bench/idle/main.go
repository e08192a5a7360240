// Command terraform-provider-idle is the floor of apply-1000 and apply-collection-1000: a provider whose resources have the attributes
// of a user and of a collection of users, and which does nothing but keep what Terraform plans. What an apply takes with it is Terraform's own.
package main

import (
	"context"
	"log"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

func main() {
	err := providerserver.Serve(context.Background(), func() provider.Provider { return idle{} }, providerserver.ServeOpts{Address: "registry.terraform.io/concord-access/idle", ProtocolVersion: 6})
	if err != nil {
		log.Fatal(err)
	}
}

type idle struct{}

// Metadata names the provider.
func (idle) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = "idle"
}

// Schema has nothing to configure.
func (idle) Schema(context.Context, provider.SchemaRequest, *provider.SchemaResponse) {}

// Configure does nothing.
func (idle) Configure(context.Context, provider.ConfigureRequest, *provider.ConfigureResponse) {}

// DataSources are none.
func (idle) DataSources(context.Context) []func() datasource.DataSource { return nil }

// Resources are a user and a collection of users.
func (idle) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{
		func() resource.Resource { return kept{"_user", userAttributes(true)} },
		func() resource.Resource {
			return kept{"_user_collection", map[string]schema.Attribute{
				"users":              schema.MapNestedAttribute{Required: true, NestedObject: schema.NestedAttributeObject{Attributes: userAttributes(false)}},
				"passwords_wo":       schema.MapAttribute{Optional: true, WriteOnly: true, Sensitive: true, ElementType: types.StringType},
				"imported_hashes_wo": schema.MapAttribute{Optional: true, WriteOnly: true, Sensitive: true, ElementType: types.StringType},
			}}
		},
	}
}

func userAttributes(alone bool) map[string]schema.Attribute {
	all := map[string]schema.Attribute{
		"display_name":        schema.StringAttribute{Optional: true},
		"email":               schema.StringAttribute{Optional: true},
		"groups":              schema.SetAttribute{Optional: true, ElementType: types.StringType},
		"attributes":          schema.MapAttribute{Optional: true, ElementType: types.StringType},
		"enabled":             schema.BoolAttribute{Optional: true, Computed: true, Default: booldefault.StaticBool(true)},
		"security_domain":     schema.StringAttribute{Optional: true},
		"password_wo_version": schema.Int64Attribute{Optional: true},
	}
	if alone {
		all["name"] = schema.StringAttribute{Required: true}
		all["password_wo"] = schema.StringAttribute{Optional: true, WriteOnly: true, Sensitive: true}
		all["imported_hash_wo"] = schema.StringAttribute{Optional: true, WriteOnly: true, Sensitive: true}
	}
	return all
}

// kept keeps what is planned.
type kept struct {
	name       string
	attributes map[string]schema.Attribute
}

// Metadata names the type.
func (k kept) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + k.name
}

// Schema adds the id.
func (k kept) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	k.attributes["id"] = schema.StringAttribute{Computed: true, PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()}}
	resp.Schema = schema.Schema{Attributes: k.attributes}
}

// Create keeps the plan.
func (k kept) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	resp.State.Raw = req.Plan.Raw
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("id"), "idle")...)
}

// Read leaves the state as it is.
func (k kept) Read(context.Context, resource.ReadRequest, *resource.ReadResponse) {}

// Update keeps the plan.
func (k kept) Update(_ context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	resp.State.Raw = req.Plan.Raw
}

// Delete forgets.
func (k kept) Delete(context.Context, resource.DeleteRequest, *resource.DeleteResponse) {}
