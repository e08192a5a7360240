package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/provider/attr"
)

var (
	_ resource.ResourceWithImportState = (*applicationResource)(nil)
	_ resource.ResourceWithIdentity    = (*applicationResource)(nil)
)

type applicationResource struct {
	base[applicationModel, wire.ApplicationView, *applicationModel]
}

func newApplication() resource.Resource {
	r := &applicationResource{}
	r.kind = kind{name: "application", noun: "application", path: []string{"v1", "applications"}, replicates: true, overridable: true}
	return r
}

// Schema describes the resource.
func (r *applicationResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "An application: the hosts it has, and how each part of it is protected. A path that no resource covers is denied. Applications are replicated: declare them on the master.",
		Attributes: map[string]schema.Attribute{
			"id":              idAttribute("The application's name; also what it is imported by."),
			"security_domain": securityDomainAttribute(),
			"name": schema.StringAttribute{Required: true, Validators: []validator.String{attr.Name()},
				PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
				MarkdownDescription: "Name of the application. A new name is a new application."},
			"hosts": schema.SetAttribute{Required: true, ElementType: types.StringType,
				Validators:          []validator.Set{setvalidator.NoNullValues(), setvalidator.SizeBetween(1, 100), setvalidator.ValueStringsAre(attr.HostPattern())},
				MarkdownDescription: "Hosts of the application as browsers name them, in lower case, with a port where it is not the default one. `*.example.com` stands for one label."},
			"resources": schema.MapNestedAttribute{Optional: true,
				Validators:          []validator.Map{mapvalidator.NoNullValues(), mapvalidator.SizeAtMost(1000), mapvalidator.KeysAre(attr.Name())},
				NestedObject:        schema.NestedAttributeObject{Attributes: applicationResourceAttributes()},
				MarkdownDescription: "Parts of the application by name. Of several parts that cover a path the most specific one decides."},
		},
	}
}

func applicationResourceAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"paths": schema.SetAttribute{Required: true, ElementType: types.StringType,
			Validators:          []validator.Set{setvalidator.NoNullValues(), setvalidator.SizeBetween(1, 100), setvalidator.ValueStringsAre(attr.PathPattern())},
			MarkdownDescription: "Paths it covers: `/a/b` exactly, `/a/*` for one segment, `/a/**` for `/a` and all below."},
		"methods": schema.SetAttribute{Optional: true, ElementType: types.StringType,
			Validators:          []validator.Set{setvalidator.NoNullValues(), setvalidator.ValueStringsAre(stringvalidator.OneOf("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"))},
			MarkdownDescription: "Methods it covers, of `DELETE`, `GET`, `HEAD`, `OPTIONS`, `PATCH`, `POST` and `PUT`; by default all of them."},
		"protection": schema.StringAttribute{Optional: true, Computed: true, Default: stringdefault.StaticString("protected"),
			Validators:          []validator.String{stringvalidator.OneOf("protected", "public", "excluded")},
			MarkdownDescription: "`protected`: signed in, and the authorization policy allows it (the default). `public`: anyone, and the application is told who is signed in. `excluded`: anyone, and no session is looked at."},
		"authentication_scheme": schema.StringAttribute{Optional: true, Validators: []validator.String{attr.Name()},
			MarkdownDescription: "Name of the `concord_authentication_scheme` by which to sign in for it; by default `password`, which is there without being declared: the password form against the local identity store. Only where `protection` is `protected`."},
		"authorization_policy": schema.StringAttribute{Optional: true, Validators: []validator.String{attr.Name()},
			MarkdownDescription: "Name of the `concord_authorization_policy` that decides who may use it; by default every signed-in user. Only where `protection` is `protected`."},
	}
}

type applicationModel struct {
	noSecret
	ID   types.String `tfsdk:"id"`
	Name types.String `tfsdk:"name"`
	applicationEntry
}

// applicationEntry is what a collection says of an application.
type applicationEntry struct {
	Hosts     []string                            `tfsdk:"hosts"`
	Resources map[string]applicationResourceModel `tfsdk:"resources"`
	Domain    types.String                        `tfsdk:"security_domain"`
}

type applicationResourceModel struct {
	Paths                []string     `tfsdk:"paths"`
	Methods              []string     `tfsdk:"methods"`
	Protection           types.String `tfsdk:"protection"`
	AuthenticationScheme types.String `tfsdk:"authentication_scheme"`
	AuthorizationPolicy  types.String `tfsdk:"authorization_policy"`
}

func (m *applicationModel) key() string              { return m.Name.ValueString() }
func (m *applicationModel) ident() *types.String     { return &m.ID }
func (m *applicationModel) called() *types.String    { return &m.Name }
func (m *applicationModel) entry() *applicationEntry { return &m.applicationEntry }

func (m *applicationModel) body(*applicationModel, bool) any {
	a := wire.Application{Name: m.Name.ValueString(), Hosts: m.Hosts, Resources: map[string]wire.Resource{}, SecurityDomain: m.Domain.ValueString()}
	for name, r := range m.Resources {
		a.Resources[name] = wire.Resource{Paths: r.Paths, Methods: r.Methods, Protection: r.Protection.ValueString(),
			AuthenticationScheme: r.AuthenticationScheme.ValueString(), AuthorizationPolicy: r.AuthorizationPolicy.ValueString()}
	}
	return a
}

func (m *applicationModel) fill(v wire.ApplicationView) {
	m.ID = keepName(m.ID, v.ID)
	m.Name = types.StringValue(v.Name)
	m.Hosts = keepSet(m.Hosts, v.Hosts)
	now := map[string]applicationResourceModel{}
	for name, r := range v.Resources {
		was := m.Resources[name]
		now[name] = applicationResourceModel{Paths: r.Paths, Methods: keepSet(was.Methods, r.Methods), Protection: types.StringValue(r.Protection),
			AuthenticationScheme: keepText(was.AuthenticationScheme, r.AuthenticationScheme),
			AuthorizationPolicy:  keepText(was.AuthorizationPolicy, r.AuthorizationPolicy)}
	}
	m.Resources = keepMap(m.Resources, now)
	m.Domain = keepText(m.Domain, v.SecurityDomain)
}
