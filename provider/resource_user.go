package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/provider/attr"
)

var (
	_ resource.ResourceWithImportState    = (*userResource)(nil)
	_ resource.ResourceWithIdentity       = (*userResource)(nil)
	_ resource.ResourceWithValidateConfig = (*userResource)(nil)
)

type userResource struct {
	base[userModel, wire.UserView, *userModel]
}

func newUser() resource.Resource {
	r := &userResource{}
	r.kind = kind{name: "user", noun: "user", path: []string{"v1", "users"}, replicates: true}
	return r
}

// Schema describes the resource.
func (r *userResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A person of the local identity store, who can sign in at every data center. Users are replicated: declare them on the master.",
		Attributes: map[string]schema.Attribute{
			"id": idAttribute("The user's name; also what the user is imported by."),
			"name": schema.StringAttribute{Required: true, Validators: []validator.String{attr.Name()}, PlanModifiers: []planmodifier.String{newObject()},
				MarkdownDescription: "Name to sign in with: 1 to 128 of letters, digits and `. _ @ + -`. Upper and lower case are the same. A new name is a new user."},
			"display_name": schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.LengthAtMost(256)},
				MarkdownDescription: "Name to show to people, up to 256 characters."},
			"email": schema.StringAttribute{Optional: true, Validators: []validator.String{attr.Email()},
				MarkdownDescription: "Mail address, told to applications."},
			"groups": schema.SetAttribute{Optional: true, ElementType: types.StringType,
				Validators:          []validator.Set{setvalidator.NoNullValues(), setvalidator.SizeAtMost(1000), setvalidator.ValueStringsAre(attr.Name())},
				MarkdownDescription: "Names of all groups that the user belongs to. This is the whole list: what is not in it is taken away."},
			"attributes": schema.MapAttribute{Optional: true, ElementType: types.StringType,
				Validators:          []validator.Map{mapvalidator.NoNullValues(), mapvalidator.SizeAtMost(100), mapvalidator.KeysAre(attr.Name()), mapvalidator.ValueStringsAre(stringvalidator.LengthAtMost(1024))},
				MarkdownDescription: "Further facts about the user, told to applications: up to 100 names, each with a text of up to 1,024 characters."},
			"enabled": schema.BoolAttribute{Optional: true, Computed: true, Default: booldefault.StaticBool(true),
				MarkdownDescription: "Whether the user may sign in; default `true`."},
			"security_domain": securityDomainAttribute(),
			"password_wo": schema.StringAttribute{Optional: true, WriteOnly: true, Sensitive: true,
				Validators:          []validator.String{passwordLength(), stringvalidator.AlsoRequires(path.MatchRoot("password_wo_version"))},
				MarkdownDescription: "Password, 8 to 1,024 characters, and as `concord_password_policy` wants it. It is sent when the user is created and when `password_wo_version` changes, and is kept nowhere in Terraform. Without one the user cannot sign in with a password."},
			"imported_hash_wo": schema.StringAttribute{Optional: true, WriteOnly: true, Sensitive: true,
				Validators:          []validator.String{hashLength(), stringvalidator.ConflictsWith(path.MatchRoot("password_wo")), stringvalidator.AlsoRequires(path.MatchRoot("password_wo_version"))},
				MarkdownDescription: "Hash of the password, taken over from another system: bcrypt (`$2a$`, `$2b$`, `$2y$`, cost 14 at most), `{SSHA}`, `{SSHA256}`, `{SSHA512}` or argon2id. The user signs in with the password of old, which is then hashed anew. Sent when `password_wo` would be, and in its place."},
			"password_wo_version": schema.Int64Attribute{Optional: true,
				MarkdownDescription: "Any number; change it to send `password_wo` or `imported_hash_wo` again."},
		},
	}
}

// ValidateConfig refuses a version of nothing.
func (r *userResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var version types.Int64
	var password, imported types.String
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("password_wo_version"), &version)...)
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("password_wo"), &password)...)
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("imported_hash_wo"), &imported)...)
	if !version.IsNull() && password.IsNull() && imported.IsNull() {
		resp.Diagnostics.AddAttributeError(path.Root("password_wo_version"), "Nothing to send", "password_wo_version says when password_wo or imported_hash_wo is sent; give one of them, or leave it out.")
	}
}

func passwordLength() validator.String { return stringvalidator.LengthBetween(8, 1024) }
func hashLength() validator.String     { return stringvalidator.LengthBetween(20, 512) }

type userModel struct {
	ID   types.String `tfsdk:"id"`
	Name types.String `tfsdk:"name"`
	userEntry
	Password types.String `tfsdk:"password_wo"`
	Imported types.String `tfsdk:"imported_hash_wo"`
}

// userEntry is what a collection says of a user, by whose name it is found.
type userEntry struct {
	DisplayName     types.String      `tfsdk:"display_name"`
	Email           types.String      `tfsdk:"email"`
	Groups          []string          `tfsdk:"groups"`
	Attributes      map[string]string `tfsdk:"attributes"`
	Enabled         types.Bool        `tfsdk:"enabled"`
	Domain          types.String      `tfsdk:"security_domain"`
	PasswordVersion types.Int64       `tfsdk:"password_wo_version"`
}

func (m *userModel) key() string                { return m.Name.ValueString() }
func (m *userModel) called() *types.String      { return &m.Name }
func (m *userModel) entry() *userEntry          { return &m.userEntry }
func (m *userModel) ident() *types.String       { return &m.ID }
func (m *userModel) secretVersion() types.Int64 { return m.PasswordVersion }

func (m *userModel) body(config *userModel, secrets bool) any {
	u := wire.User{Name: m.Name.ValueString(), DisplayName: m.DisplayName.ValueString(), Email: m.Email.ValueString(),
		Groups: m.Groups, Attributes: m.Attributes, Enabled: m.Enabled.ValueBoolPointer(), SecurityDomain: m.Domain.ValueString()}
	if secrets {
		u.Password, u.ImportedHash = config.Password.ValueString(), config.Imported.ValueString()
	}
	return u
}

func (m *userModel) fill(v wire.UserView) {
	m.ID = keepName(m.ID, v.ID)
	m.Name = keepName(m.Name, v.Name)
	m.DisplayName = keepText(m.DisplayName, v.DisplayName)
	m.Email = keepText(m.Email, v.Email)
	m.Groups = keepSet(m.Groups, v.Groups)
	m.Attributes = keepMap(m.Attributes, v.Attributes)
	m.Enabled = orFalse(v.Enabled)
	m.Domain = keepText(m.Domain, v.SecurityDomain)
}
