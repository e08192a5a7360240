package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/provider/attr"
)

var (
	_ resource.ResourceWithImportState = (*packageResource)(nil)
	_ resource.ResourceWithIdentity    = (*packageResource)(nil)
	_ resource.ResourceWithModifyPlan  = (*packageResource)(nil)
)

type packageResource struct {
	base[packageModel, wire.PackageView, *packageModel]
}

func newPackage() resource.Resource {
	r := &packageResource{}
	r.kind = kind{name: "package", noun: "package", path: []string{"v1", "packages"}, replicates: true, judged: rehearsal{none: true},
		listed: "The file of a package is not known: `source` is yours to write."}
	return r
}

// Schema describes the resource.
func (r *packageResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	names := func(what string) schema.SetAttribute {
		return schema.SetAttribute{Optional: true, ElementType: types.StringType, MarkdownDescription: what,
			Validators: []validator.Set{setvalidator.NoNullValues(), setvalidator.SizeAtMost(1000), setvalidator.ValueStringsAre(attr.Name())}}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "A file that entitled users fetch at `/packages/NAME` of any data center. The apply uploads it to the master; its content is replicated and verified by its digest, and nobody copies files by hand. What can be read as zip, tar or tar.gz is checked first: one with an entry that would be written elsewhere, with a device or a hard link, or that unpacks to a multiple of what is usual, is refused. Packages are replicated: declare them on the master.",
		Attributes: map[string]schema.Attribute{
			"id": idAttribute("The package's name; also what it is imported by."),
			"name": schema.StringAttribute{Required: true, Validators: []validator.String{attr.Name()},
				PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
				MarkdownDescription: "Name of the package, under which it is fetched: 1 to 128 of letters, digits and `. _ @ + -`. A new name is a new package."},
			"source": schema.StringAttribute{Required: true, Validators: []validator.String{stringvalidator.LengthAtLeast(1)},
				MarkdownDescription: "Path of the file on the machine that runs Terraform, of 1 byte to 1 GiB. It is read at each plan: a file that is missing is refused, another content is a change. An import leaves it out; the next apply sets it."},
			"description": schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.LengthAtMost(1024)},
				MarkdownDescription: "What the package is for, up to 1,024 characters."},
			"file_name": schema.StringAttribute{Optional: true, Computed: true, Validators: []validator.String{stringvalidator.LengthBetween(1, 255)},
				MarkdownDescription: "What a browser saves the package as; by default the name of the file in `source`."},
			"format": schema.StringAttribute{Optional: true, Computed: true, Validators: []validator.String{stringvalidator.OneOf("zip", "tar", "tar.gz", "raw")},
				MarkdownDescription: "What the content has to be: `zip`, `tar`, `tar.gz`, or `raw` for anything, such as `.msi`. By default it follows from the end of the file's name. Another content is refused, but for `raw`."},
			"users":  names("Users who may fetch the package. A user named here need not exist yet. With neither users nor groups nobody may."),
			"groups": names("Groups whose members may fetch the package; they must exist."),
			"sha256": schema.StringAttribute{Computed: true, MarkdownDescription: "SHA-256 of the content, as 64 hex digits."},
			"size":   schema.Int64Attribute{Computed: true, MarkdownDescription: "Size of the content, in bytes."},
		},
	}
}

type packageModel struct {
	noSecret
	ID          types.String `tfsdk:"id"`
	Name        types.String `tfsdk:"name"`
	Source      types.String `tfsdk:"source"`
	Description types.String `tfsdk:"description"`
	FileName    types.String `tfsdk:"file_name"`
	Format      types.String `tfsdk:"format"`
	Users       []string     `tfsdk:"users"`
	Groups      []string     `tfsdk:"groups"`
	SHA256      types.String `tfsdk:"sha256"`
	Size        types.Int64  `tfsdk:"size"`
}

func (m *packageModel) key() string          { return m.Name.ValueString() }
func (m *packageModel) ident() *types.String { return &m.ID }

// body is of the plan, in which ModifyPlan has put what the file says.
func (m *packageModel) body(*packageModel, bool) any {
	return wire.Package{Name: m.Name.ValueString(), Description: m.Description.ValueString(), FileName: m.FileName.ValueString(), SHA256: m.SHA256.ValueString(),
		Size: m.Size.ValueInt64(), Format: m.Format.ValueString(), Users: m.Users, Groups: m.Groups}
}

func (m *packageModel) fill(v wire.PackageView) {
	m.ID = keepName(m.ID, v.ID)
	m.Name, m.FileName, m.Format = types.StringValue(v.Name), types.StringValue(v.FileName), types.StringValue(v.Format)
	m.Description = keepText(m.Description, v.Description)
	m.SHA256, m.Size = types.StringValue(v.SHA256), types.Int64Value(v.Size)
	m.Users, m.Groups = keepSet(m.Users, v.Users), keepSet(m.Groups, v.Groups)
}

// Create uploads the content, then makes the package.
func (r *packageResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	if r.upload(ctx, creating, req.Plan, &resp.Diagnostics) {
		r.base.Create(ctx, req, resp)
	}
}

// Update uploads the content if the data center does not have it, then changes the package.
func (r *packageResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	if r.upload(ctx, updating, req.Plan, &resp.Diagnostics) {
		r.base.Update(ctx, req, resp)
	}
}
