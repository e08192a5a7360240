package provider

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	attrs "github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
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
	r.kind = kind{name: "partner", noun: "partner", path: []string{"v1", "partners"}, by: "cluster_id", protects: true,
		judged: rehearsal{around: true, codes: []string{"duplicate_cluster_id"}, still: []string{"mode_mismatch"}}}
	return r
}

// securityModes are the modes of the peer listener.
func securityModes() validator.String { return stringvalidator.OneOf("open", "simple", "cert") }

// passphraseAttributes are a passphrase and the version beside it.
func passphraseAttributes(what string) (value schema.StringAttribute, version schema.Int64Attribute) {
	value = schema.StringAttribute{Optional: true, WriteOnly: true, Sensitive: true,
		Validators: []validator.String{stringvalidator.UTF8LengthAtLeast(20), stringvalidator.LengthAtMost(1024), stringvalidator.AlsoRequires(path.MatchRoot("passphrase_wo_version"))},
		MarkdownDescription: what + " At least 20 characters; `concord trust passphrase` makes one, and there is no default. It is sent when the object is created and when `passphrase_wo_version` changes, and is kept nowhere in Terraform. " +
			"After a change the former one still proves for 15 minutes."}
	version = schema.Int64Attribute{Optional: true, Validators: []validator.Int64{int64validator.AtLeast(1), int64validator.AlsoRequires(path.MatchRoot("passphrase_wo"))},
		MarkdownDescription: "A number from 1; change it to send `passphrase_wo` again, and to have the data centers pair again."}
	return value, version
}

// keepVersion takes the version over that the server has; it leaves 0 out.
func keepVersion(now int64) types.Int64 {
	if now == 0 {
		return types.Int64Null()
	}
	return types.Int64Value(now)
}

// Schema describes the resource.
func (r *partnerResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	passphrase, version := passphraseAttributes("What this data center proves at the partner, in modes `simple` and `open`: the `passphrase_wo` of the partner's `concord_partner_profile`.")
	resp.Schema = schema.Schema{
		MarkdownDescription: "A remote data center that this one knows. Both sides declare each other: in mode `cert` each with the other's `concord_trusted_certificate`, in modes `simple` and `open` each with the passphrase of the other's profile. It need not be reachable yet. Belongs to one data center and is not replicated.",
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
			"security_mode": schema.StringAttribute{Optional: true, Computed: true, Validators: []validator.String{securityModes()},
				MarkdownDescription: "How the two data centers know each other: the `security_mode` of this data center, which is also the default. Another one is refused: let the partner depend on the `concord_data_center`."},
			"passphrase_wo":         passphrase,
			"passphrase_wo_version": version,
			"rest_endpoint": schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.LengthAtMost(512)},
				MarkdownDescription: "The partner's admin address, shown to administrators who ask the wrong data center."},
			protection: protectionAttribute(),
			"reachable": schema.BoolAttribute{Computed: true,
				MarkdownDescription: "Whether the partner answered the last time it was asked."},
			"paired": schema.BoolAttribute{Computed: true,
				MarkdownDescription: "In mode `simple`: whether the two data centers have exchanged their roots, which they do by themselves once both know each other."},
			"pairing_error": schema.StringAttribute{Computed: true,
				MarkdownDescription: "Why they have not, or not under the present passphrase; null when nothing is wrong."},
			"pinned_sha256": schema.ListAttribute{Computed: true, ElementType: types.StringType,
				MarkdownDescription: "SHA-256 fingerprints of the roots that the pairing pinned, in lower-case hexadecimal. They take the place of a `concord_trusted_certificate`."},
			"certificate_expires_at": schema.StringAttribute{Computed: true,
				MarkdownDescription: "When the certificate ends that the partner showed last, as RFC 3339; null when it was never reached."},
		},
	}
}

type partnerModel struct {
	ID                   types.String `tfsdk:"id"`
	ClusterID            types.String `tfsdk:"cluster_id"`
	AgentID              types.String `tfsdk:"agent_id"`
	Primary              []string     `tfsdk:"primary"`
	Secondary            []string     `tfsdk:"secondary"`
	SecurityMode         types.String `tfsdk:"security_mode"`
	RESTEndpoint         types.String `tfsdk:"rest_endpoint"`
	Passphrase           types.String `tfsdk:"passphrase_wo"`
	PassphraseVersion    types.Int64  `tfsdk:"passphrase_wo_version"`
	Protection           types.Bool   `tfsdk:"deletion_protection"`
	Paired               types.Bool   `tfsdk:"paired"`
	PairingError         types.String `tfsdk:"pairing_error"`
	PinnedSHA256         types.List   `tfsdk:"pinned_sha256"`
	Reachable            types.Bool   `tfsdk:"reachable"`
	CertificateExpiresAt types.String `tfsdk:"certificate_expires_at"`
}

func (m *partnerModel) key() string          { return m.ClusterID.ValueString() }
func (m *partnerModel) ident() *types.String { return &m.ID }

func (m *partnerModel) secretVersion() types.Int64 { return m.PassphraseVersion }

func (m *partnerModel) body(config *partnerModel, secrets bool) any {
	p := wire.Partner{ClusterID: m.ClusterID.ValueString(), AgentID: m.AgentID.ValueString(), Primary: m.Primary, Secondary: m.Secondary,
		SecurityMode: m.SecurityMode.ValueString(), RESTEndpoint: m.RESTEndpoint.ValueString(), PassphraseVersion: m.PassphraseVersion.ValueInt64()}
	if secrets {
		p.Passphrase = config.Passphrase.ValueString()
	}
	return p
}

func (m *partnerModel) fill(v wire.PartnerView) {
	m.ID = keepName(m.ID, v.ID)
	m.ClusterID = keepName(m.ClusterID, v.ClusterID)
	m.AgentID = types.StringValue(v.AgentID)
	m.Primary = keepSet(m.Primary, v.Primary)
	m.Secondary = keepSet(m.Secondary, v.Secondary)
	m.SecurityMode = types.StringValue(v.SecurityMode)
	m.RESTEndpoint = keepText(m.RESTEndpoint, v.RESTEndpoint)
	m.PassphraseVersion = keepVersion(v.PassphraseVersion)
	m.Protection = keepProtection(m.Protection)
	m.Reachable, m.Paired, m.PairingError = types.BoolValue(v.Reachable), types.BoolValue(v.Paired), keepText(types.StringNull(), v.PairingError)
	m.PinnedSHA256 = listOf(v.PinnedSHA256)
	m.CertificateExpiresAt = moment(v.CertificateExpiresAt)
}

// listOf is a list of texts.
func listOf(all []string) types.List {
	values := make([]attrs.Value, 0, len(all))
	for _, v := range all {
		values = append(values, types.StringValue(v))
	}
	return types.ListValueMust(types.StringType, values)
}

// moment spells a point in time as RFC 3339 in UTC; null for none.
func moment(t *time.Time) types.String {
	if t == nil {
		return types.StringNull()
	}
	return types.StringValue(t.UTC().Format(time.RFC3339))
}
