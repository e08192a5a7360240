package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/provider/attr"
)

var (
	_ resource.ResourceWithImportState = (*profileResource)(nil)
	_ resource.ResourceWithIdentity    = (*profileResource)(nil)
)

type profileResource struct {
	base[profileModel, wire.PartnerProfileView, *profileModel]
}

func newPartnerProfile() resource.Resource {
	r := &profileResource{}
	r.kind = kind{name: "partner_profile", noun: "partner profile", path: []string{"v1", "partner-profile"}, singleton: true}
	return r
}

// Schema describes the resource.
func (r *profileResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	passphrase, version := passphraseAttributes("What partners must prove here, in modes `simple` and `open`: they declare it as the `passphrase_wo` of their `concord_partner`.")
	resp.Schema = schema.Schema{
		MarkdownDescription: "What a data center lets its partners connect as. Each data center has exactly one: creating the resource adopts it, destroying it puts the defaults back.",
		Attributes: map[string]schema.Attribute{
			"id": idAttribute("Always `default`; also what the profile is imported by."),
			"agent_id": schema.StringAttribute{Required: true, Validators: []validator.String{attr.Name()},
				MarkdownDescription: "Name under which partners must register this data center: the `agent_id` of their `concord_partner`."},
			"allow_management": schema.BoolAttribute{Optional: true, Computed: true, Default: booldefault.StaticBool(false),
				MarkdownDescription: "Whether partners may also manage replication agreements here; default `false`, which allows session calls only. Both sides of an agreement need `true`."},
			"passphrase_wo":         passphrase,
			"passphrase_wo_version": version,
		},
	}
}

type profileModel struct {
	ID              types.String `tfsdk:"id"`
	AgentID         types.String `tfsdk:"agent_id"`
	AllowManagement types.Bool   `tfsdk:"allow_management"`

	Passphrase        types.String `tfsdk:"passphrase_wo"`
	PassphraseVersion types.Int64  `tfsdk:"passphrase_wo_version"`
}

func (m *profileModel) key() string          { return "" }
func (m *profileModel) ident() *types.String { return &m.ID }

func (m *profileModel) secretVersion() types.Int64 { return m.PassphraseVersion }

func (m *profileModel) body(config *profileModel, secrets bool) any {
	p := wire.PartnerProfile{AgentID: m.AgentID.ValueString(), AllowManagement: m.AllowManagement.ValueBool(), PassphraseVersion: m.PassphraseVersion.ValueInt64()}
	if secrets {
		p.Passphrase = config.Passphrase.ValueString()
	}
	return p
}

func (m *profileModel) fill(v wire.PartnerProfileView) {
	m.ID = keepName(m.ID, v.ID)
	m.AgentID = types.StringValue(v.AgentID)
	m.AllowManagement = types.BoolValue(v.AllowManagement)
	m.PassphraseVersion = keepVersion(v.PassphraseVersion)
}
