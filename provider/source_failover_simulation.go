package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

var _ datasource.DataSourceWithConfigure = (*failoverSimulationSource)(nil)

// failoverSimulationSource asks a question, so it reads by itself.
type failoverSimulationSource struct {
	kind
	client *client.Client // nil while the provider block holds unknown values
}

func newFailoverSimulationSource() datasource.DataSource {
	return &failoverSimulationSource{kind: kind{name: "failover_simulation", noun: "failover simulation", path: []string{"v1", "simulate"}}}
}

// Metadata names the type.
func (s *failoverSimulationSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_" + s.name
}

// Configure takes the client over.
func (s *failoverSimulationSource) Configure(_ context.Context, req datasource.ConfigureRequest, _ *datasource.ConfigureResponse) {
	if c, ok := req.ProviderData.(*connection); ok {
		s.client = c.client
	}
}

// Read asks and fills the model.
func (s *failoverSimulationSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m failoverSimulationModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if s.client == nil {
		later(req, resp)
		return
	}
	v, err := s.client.Simulate(ctx, m.question())
	if err != nil {
		s.refused(reading, "", req.Config.Schema, err, &resp.Diagnostics)
		return
	}
	m.fill(v)
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

func (m *failoverSimulationModel) question() wire.SimulationQuestion {
	q := wire.SimulationQuestion{User: m.User.ValueString(), Fault: wire.SimulatedFault{Kind: m.Fault.Kind.ValueString(), ClusterID: m.Fault.ClusterID.ValueString(), Other: m.Fault.Other.ValueString()}}
	if p := m.SessionPolicy; p != nil {
		q.SessionPolicy = &wire.SessionPolicy{Anchored: p.Anchored.ValueBoolPointer(), RetrieveOnDemand: p.RetrieveOnDemand.ValueBoolPointer(), Reauthenticate: p.Reauthenticate.ValueBoolPointer(),
			ContinueOnSyncFailure: p.ContinueOnSyncFailure.ValueBoolPointer(), GitoCookieDomain: p.GitoCookieDomain.ValueString(), SignInURL: p.SignInURL.ValueString(), IdleTimeout: p.IdleTimeout.ValueString(),
			Lifetime: p.Lifetime.ValueString(), MaxDegradedAge: p.MaxDegradedAge.ValueString(), MaxSessionsWhenPartitioned: p.WhenPartitioned.ValueString()}
		if !p.MaxSessionsPerUser.IsNull() {
			q.SessionPolicy.MaxSessionsPerUser = new(int(p.MaxSessionsPerUser.ValueInt64()))
		}
	}
	return q
}
