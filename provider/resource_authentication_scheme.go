package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64default"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/provider/attr"
)

var (
	_ resource.ResourceWithImportState    = (*schemeResource)(nil)
	_ resource.ResourceWithIdentity       = (*schemeResource)(nil)
	_ resource.ResourceWithValidateConfig = (*schemeResource)(nil)
)

// localStore is the identity store that a step without one asks.
const localStore = "local"

type schemeResource struct {
	base[schemeModel, wire.AuthenticationSchemeView, *schemeModel]
}

func newAuthenticationScheme() resource.Resource {
	r := &schemeResource{}
	r.kind = kind{name: "authentication_scheme", noun: "authentication scheme", path: []string{"v1", "authentication-schemes"}, replicates: true, overridable: true}
	return r
}

// Schema describes the resource.
func (r *schemeResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "How people sign in for a resource of an application, and how much that is worth. Every step is to be passed, in order, by one and the same person; the session is then of the scheme's `level`, and opens each resource whose scheme is of that level or below. " +
			"The scheme `password` is always there and is not declared: the form, users of Concord, level 1. Authentication schemes are replicated: declare them on the master.",
		Attributes: map[string]schema.Attribute{
			"id": idAttribute("The scheme's name; also what it is imported by."),
			"name": schema.StringAttribute{Required: true, Validators: []validator.String{attr.Name(), stringvalidator.NoneOf("password")},
				PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
				MarkdownDescription: "Name of the scheme: 1 to 128 of letters, digits and `. _ @ + -`. `password` is the one that is always there. A new name is a new scheme. It is the realm of HTTP Basic too."},
			"description": schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.LengthAtMost(1024)},
				MarkdownDescription: "What the scheme is for, up to 1,024 characters."},
			"security_domain": securityDomainAttribute(),
			"level": schema.Int64Attribute{Optional: true, Computed: true, Default: int64default.StaticInt64(1), Validators: []validator.Int64{int64validator.Between(1, 100)},
				MarkdownDescription: "What the sign-in is worth, from `1` to `100`, default `1`. Whoever is signed in below the level of a resource's scheme signs in once more, by that scheme. With a `security_domain` it counts for that domain's applications; to all others it is worth 1."},
			"steps": schema.ListNestedAttribute{Required: true, Validators: []validator.List{listvalidator.NoNullValues(), listvalidator.SizeBetween(1, 3)},
				MarkdownDescription: "1 to 3 proofs, in order. The first one says who the person is; the others have to be that person's. No proof may be there twice.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"method": schema.StringAttribute{Required: true, Validators: []validator.String{stringvalidator.OneOf("password", "basic", "certificate")},
						MarkdownDescription: "`password`: the form. `basic`: the same for programs, which send HTTP Basic with each request where it is the only step; people get the form. `certificate`: a client certificate that the person's browser shows to the sign-in page."},
					"identity_store": schema.StringAttribute{Optional: true, Validators: []validator.String{attr.Name()},
						MarkdownDescription: "Name of the `concord_identity_store` whose people may pass; by default `local`, the users of Concord."},
					"certificate_name": schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.OneOf("uri", "email", "common_name")},
						MarkdownDescription: "With `certificate`: where the user's name stands. `uri`, the default: certificates of profile `user` that a data center of the topology issued. `email` and `common_name`: certificates of your own authority, whose root is in `client_ca_file` of the runtime listener; the one e-mail address or common name is the user's name, exactly."},
				}}},
		},
	}
}

// ValidateConfig refuses at plan what the server would refuse at apply.
func (r *schemeResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var list types.List
	if resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("steps"), &list)...); resp.Diagnostics.HasError() || list.IsUnknown() || list.IsNull() {
		return
	}
	var steps []stepModel
	if resp.Diagnostics.Append(list.ElementsAs(ctx, &steps, false)...); resp.Diagnostics.HasError() {
		return
	}
	first := map[string]int{}
	for i, s := range steps {
		at := path.Root("steps").AtListIndex(i)
		if s.Method.IsUnknown() || s.Store.IsUnknown() {
			continue
		}
		if s.Method.ValueString() != "certificate" && !s.CertificateName.IsNull() && !s.CertificateName.IsUnknown() {
			resp.Diagnostics.AddAttributeError(at.AtName("certificate_name"), "Only certificates have a certificate_name", "Leave certificate_name out, or set method = \"certificate\".")
		}
		if was, twice := first[s.proof()]; twice {
			resp.Diagnostics.AddAttributeError(at, "A step proves what another one proves", fmt.Sprintf("It asks for nothing that step %d does not ask for already: the form and HTTP Basic take the same password. Give each proof once.", was+1))
			continue
		}
		first[s.proof()] = i
	}
}

type schemeModel struct {
	noSecret
	ID          types.String `tfsdk:"id"`
	Name        types.String `tfsdk:"name"`
	Description types.String `tfsdk:"description"`
	Domain      types.String `tfsdk:"security_domain"`
	Level       types.Int64  `tfsdk:"level"`
	Steps       []stepModel  `tfsdk:"steps"`
}

type stepModel struct {
	Method          types.String `tfsdk:"method"`
	Store           types.String `tfsdk:"identity_store"`
	CertificateName types.String `tfsdk:"certificate_name"`
}

// proof names what a step asks for.
func (s stepModel) proof() string {
	if s.Method.ValueString() == "certificate" {
		return "certificate"
	}
	if store := s.Store.ValueString(); store != "" {
		return "password of " + store
	}
	return "password of " + localStore
}

func (m *schemeModel) key() string          { return m.Name.ValueString() }
func (m *schemeModel) ident() *types.String { return &m.ID }

func (m *schemeModel) body(*schemeModel, bool) any {
	level := int(m.Level.ValueInt64())
	s := wire.AuthenticationScheme{Name: m.Name.ValueString(), Description: m.Description.ValueString(), SecurityDomain: m.Domain.ValueString(), Level: &level, Steps: []wire.SchemeStep{}}
	for _, step := range m.Steps {
		s.Steps = append(s.Steps, wire.SchemeStep{Method: step.Method.ValueString(), IdentityStore: step.Store.ValueString(), CertificateName: step.CertificateName.ValueString()})
	}
	return s
}

func (m *schemeModel) fill(v wire.AuthenticationSchemeView) {
	m.ID = keepName(m.ID, v.ID)
	m.Name = types.StringValue(v.Name)
	m.Description = keepText(m.Description, v.Description)
	m.Domain = keepText(m.Domain, v.SecurityDomain)
	m.Level = types.Int64Value(1)
	if v.Level != nil {
		m.Level = types.Int64Value(int64(*v.Level))
	}
	now := []stepModel{}
	for i, s := range v.Steps {
		var was stepModel
		if i < len(m.Steps) {
			was = m.Steps[i]
		}
		now = append(now, stepModel{Method: types.StringValue(s.Method), Store: keepUsual(was.Store, s.IdentityStore, localStore), CertificateName: keepUsual(was.CertificateName, s.CertificateName, "uri")})
	}
	m.Steps = now
}

// keepUsual keeps a usual value that was written out: the server leaves it unnamed.
func keepUsual(was types.String, now, usual string) types.String {
	if now == "" && was.ValueString() == usual {
		return was
	}
	return keepText(was, now)
}
