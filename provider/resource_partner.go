package provider

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/provider/attr"
)

var (
	_ resource.ResourceWithImportState = (*partnerResource)(nil)
	_ resource.ResourceWithIdentity    = (*partnerResource)(nil)
)

type partnerResource struct {
	base[partnerModel, wire.PartnerView, *partnerModel]
}

func newPartner() resource.Resource {
	r := &partnerResource{}
	r.kind = kind{name: "partner", noun: "partner", path: []string{"v1", "partners"}}
	return r
}

// certOnly is the server's sentence about the other modes of the peer listener.
func certOnly(and string) validator.String {
	return attr.Is("cert", `This version links data centers in mode cert only; declare security_mode = "cert" and the `+and+`.`)
}

// Schema describes the resource.
func (r *partnerResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A remote data center that this one knows. Both sides declare each other, each with the other's `concord_trusted_certificate`. It need not be reachable yet. Belongs to one data center and is not replicated.",
		Attributes: map[string]schema.Attribute{
			"id": idAttribute("The partner's cluster id; also what it is imported by."),
			"cluster_id": schema.StringAttribute{Required: true, Validators: []validator.String{attr.ClusterID()}, PlanModifiers: []planmodifier.String{newObject()},
				MarkdownDescription: "Cluster id of the remote data center. Upper and lower case are the same. A new id is a new partner."},
			"agent_id": schema.StringAttribute{Required: true, Validators: []validator.String{attr.Name()},
				MarkdownDescription: "The `agent_id` of the remote data center's `concord_partner_profile`."},
			"primary": schema.ListAttribute{Required: true, ElementType: types.StringType,
				Validators:          []validator.List{listvalidator.NoNullValues(), listvalidator.SizeBetween(1, 64), listvalidator.ValueStringsAre(attr.HostPort())},
				MarkdownDescription: "Addresses of its peer listeners, `host:port`, tried in order."},
			"secondary": schema.ListAttribute{Optional: true, ElementType: types.StringType,
				Validators:          []validator.List{listvalidator.NoNullValues(), listvalidator.SizeAtMost(63), listvalidator.ValueStringsAre(attr.HostPort())},
				MarkdownDescription: "Addresses, `host:port`, tried when no primary one answers."},
			"security_mode": schema.StringAttribute{Optional: true, Computed: true, Default: stringdefault.StaticString("cert"), Validators: []validator.String{certOnly("partner's trusted certificate")},
				MarkdownDescription: "How the two data centers know each other; this version has `cert`, the default: by certificates that lead to a declared root."},
			"rest_endpoint": schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.LengthAtMost(512)},
				MarkdownDescription: "The partner's admin address, shown to administrators who ask the wrong data center."},
			"reachable": schema.BoolAttribute{Computed: true,
				MarkdownDescription: "Whether the partner answered the last time it was asked."},
			"certificate_expires_at": schema.StringAttribute{Computed: true,
				MarkdownDescription: "When the certificate ends that the partner showed last, as RFC 3339; null when it was never reached."},
		},
	}
}

type partnerModel struct {
	noSecret
	ID                   types.String `tfsdk:"id"`
	ClusterID            types.String `tfsdk:"cluster_id"`
	AgentID              types.String `tfsdk:"agent_id"`
	Primary              []string     `tfsdk:"primary"`
	Secondary            []string     `tfsdk:"secondary"`
	SecurityMode         types.String `tfsdk:"security_mode"`
	RESTEndpoint         types.String `tfsdk:"rest_endpoint"`
	Reachable            types.Bool   `tfsdk:"reachable"`
	CertificateExpiresAt types.String `tfsdk:"certificate_expires_at"`
}

func (m *partnerModel) key() string          { return m.ClusterID.ValueString() }
func (m *partnerModel) ident() *types.String { return &m.ID }

func (m *partnerModel) body(*partnerModel, bool) any {
	return wire.Partner{ClusterID: m.ClusterID.ValueString(), AgentID: m.AgentID.ValueString(), Primary: m.Primary, Secondary: m.Secondary,
		SecurityMode: m.SecurityMode.ValueString(), RESTEndpoint: m.RESTEndpoint.ValueString()}
}

func (m *partnerModel) fill(v wire.PartnerView) {
	m.ID = keepName(m.ID, v.ID)
	m.ClusterID = keepName(m.ClusterID, v.ClusterID)
	m.AgentID = types.StringValue(v.AgentID)
	m.Primary = keepSet(m.Primary, v.Primary)
	m.Secondary = keepSet(m.Secondary, v.Secondary)
	m.SecurityMode = types.StringValue(v.SecurityMode)
	m.RESTEndpoint = keepText(m.RESTEndpoint, v.RESTEndpoint)
	m.Reachable = types.BoolValue(v.Reachable)
	m.CertificateExpiresAt = moment(v.CertificateExpiresAt)
}

// moment spells a point in time as RFC 3339 in UTC; null for none.
func moment(t *time.Time) types.String {
	if t == nil {
		return types.StringNull()
	}
	return types.StringValue(t.UTC().Format(time.RFC3339))
}
