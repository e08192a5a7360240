package provider

import (
	"context"
	"net/url"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

var _ datasource.DataSourceWithConfigure = (*sessionsSource)(nil)

// sessionsSource lists runtime sessions; it has filters and pages, so it reads by itself.
type sessionsSource struct {
	kind
	client *client.Client // nil while the provider block holds unknown values
}

func newSessionsSource() datasource.DataSource {
	return &sessionsSource{kind: kind{name: "sessions", noun: "sessions", path: []string{"v1", "sessions"}}}
}

// Metadata names the type.
func (s *sessionsSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_" + s.name
}

// Configure takes the client over.
func (s *sessionsSource) Configure(_ context.Context, req datasource.ConfigureRequest, _ *datasource.ConfigureResponse) {
	if c, ok := req.ProviderData.(*connection); ok {
		s.client = c.client
	}
}

// Schema describes the data source.
func (s *sessionsSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Runtime sessions of the data center that the provider's endpoint is, at the time of the plan; for `check` blocks and outputs. The state keeps who was signed in and from which address: choose by `user` where that is enough.",
		Attributes: map[string]schema.Attribute{
			"user":     schema.StringAttribute{Optional: true, MarkdownDescription: "Only those of this user."},
			"sso_id":   schema.StringAttribute{Optional: true, MarkdownDescription: "Only those of this sign-in, which has the same id in every data center."},
			"origin":   schema.StringAttribute{Optional: true, MarkdownDescription: "Only those that were adopted from the data center of this cluster id."},
			"degraded": schema.BoolAttribute{Optional: true, MarkdownDescription: "Only those that were made from a cookie and are not confirmed yet (`true`), or only the others (`false`)."},
			"sessions": schema.ListNestedAttribute{Computed: true, NestedObject: schema.NestedAttributeObject{Attributes: sessionAttributes()}, MarkdownDescription: "The sessions that fit."},
		},
	}
}

func sessionAttributes() map[string]schema.Attribute {
	text := func(what string) schema.StringAttribute {
		return schema.StringAttribute{Computed: true, MarkdownDescription: what}
	}
	list := func(what string) schema.ListAttribute {
		return schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: what}
	}
	return map[string]schema.Attribute{
		"id": text("Id of the session in this data center."), "sso_id": text("Id of the sign-in, the same in every data center."), "user": text("Name of the user."),
		"identity_store": text("Identity store that knows the user."), "level": schema.Int64Attribute{Computed: true, MarkdownDescription: "Level of the sign-in."},
		"client_address": text("Address from which the person signed in; null when it is not known."), "created_at": text("When this data center made the session, as RFC 3339."),
		"authenticated_at": text("When the person signed in, as RFC 3339."), "last_access": text("When it was used last, as RFC 3339."), "expires_at": text("When it ends at the latest, as RFC 3339."),
		"rule":              text("What made it: `signed_in` here, `adopted_found` from another data center's answer, `adopted_cookie` from the cookie because retrieval is off, `adopted_alone` from the cookie because nobody could be asked."),
		"origin_cluster_id": text("Data center from which it was adopted; null when the person signed in here."), "origin_session_id": text("Its id there; null likewise."),
		"index":    list("Ids of other data centers' sessions that it answers for."),
		"chain":    list("Data centers that the sign-in had been to when the session was made, the last one last."),
		"members":  list("Other data centers that are known to hold a session of the same sign-in."),
		"degraded": schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether it was made from a cookie and is not confirmed yet."},
	}
}

type sessionsModel struct {
	User     types.String   `tfsdk:"user"`
	SSOID    types.String   `tfsdk:"sso_id"`
	Origin   types.String   `tfsdk:"origin"`
	Degraded types.Bool     `tfsdk:"degraded"`
	Sessions []sessionModel `tfsdk:"sessions"`
}

type sessionModel struct {
	ID              types.String `tfsdk:"id"`
	SSOID           types.String `tfsdk:"sso_id"`
	User            types.String `tfsdk:"user"`
	IdentityStore   types.String `tfsdk:"identity_store"`
	Level           types.Int64  `tfsdk:"level"`
	ClientAddress   types.String `tfsdk:"client_address"`
	CreatedAt       types.String `tfsdk:"created_at"`
	AuthenticatedAt types.String `tfsdk:"authenticated_at"`
	LastAccess      types.String `tfsdk:"last_access"`
	ExpiresAt       types.String `tfsdk:"expires_at"`
	Rule            types.String `tfsdk:"rule"`
	OriginCluster   types.String `tfsdk:"origin_cluster_id"`
	OriginSession   types.String `tfsdk:"origin_session_id"`
	Index           []string     `tfsdk:"index"`
	Chain           []string     `tfsdk:"chain"`
	Members         []string     `tfsdk:"members"`
	Degraded        types.Bool   `tfsdk:"degraded"`
}

// Read asks for every page and fills the model.
func (s *sessionsSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m sessionsModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if s.client == nil {
		later(req, resp)
		return
	}
	all, err := client.All[wire.SessionView](ctx, s.client, client.Path(s.path...), m.query())
	if err != nil {
		s.refused(reading, "", req.Config.Schema, err, &resp.Diagnostics)
		return
	}
	m.Sessions = []sessionModel{}
	for _, v := range all {
		m.Sessions = append(m.Sessions, modelOfSession(v))
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

func (m *sessionsModel) query() url.Values {
	q := url.Values{}
	for name, value := range map[string]types.String{"user": m.User, "sso_id": m.SSOID, "origin": m.Origin} {
		if value.ValueString() != "" {
			q.Set(name, value.ValueString())
		}
	}
	if !m.Degraded.IsNull() {
		q.Set("degraded", map[bool]string{true: "true", false: "false"}[m.Degraded.ValueBool()])
	}
	return q
}

func modelOfSession(v wire.SessionView) sessionModel {
	out := sessionModel{ID: types.StringValue(v.ID), SSOID: types.StringValue(v.SSOID), User: types.StringValue(v.User), IdentityStore: types.StringValue(v.IdentityStore),
		Level: types.Int64Value(int64(v.Level)), ClientAddress: keepText(types.StringNull(), v.ClientAddress), CreatedAt: moment(&v.CreatedAt), AuthenticatedAt: moment(&v.AuthenticatedAt),
		LastAccess: moment(&v.LastAccess), ExpiresAt: moment(&v.ExpiresAt), Rule: keepText(types.StringNull(), v.Rule), Index: append([]string{}, v.Index...),
		Chain: append([]string{}, v.Chain...), Members: append([]string{}, v.Members...), Degraded: types.BoolValue(v.Degraded)}
	if v.Origin != nil {
		out.OriginCluster, out.OriginSession = types.StringValue(v.Origin.ClusterID), types.StringValue(v.Origin.SessionID)
	}
	return out
}
