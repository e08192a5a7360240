package provider

import (
	"context"
	"net/http"

	"github.com/hashicorp/terraform-plugin-framework/datasource"

	"github.com/concord-access/terraform-provider-concord/internal/client"
)

// source does what every data source does: each reads one document of the data center that the endpoint is. M is the
// model, V the server's view.
type source[M, V any, P interface {
	*M
	fill(V)
}] struct {
	kind
	client *client.Client // nil while the provider block holds unknown values
}

// Metadata names the type.
func (s *source[M, V, P]) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_" + s.name
}

// Configure takes the client over.
func (s *source[M, V, P]) Configure(_ context.Context, req datasource.ConfigureRequest, _ *datasource.ConfigureResponse) {
	if c, ok := req.ProviderData.(*connection); ok {
		s.client = c.client
	}
}

// Read asks and fills the model.
func (s *source[M, V, P]) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	if s.client == nil {
		later(req, resp)
		return
	}
	var view V
	if _, err := s.client.Do(ctx, client.Request{Method: http.MethodGet, Path: client.Path(s.path...), Out: &view}); err != nil {
		s.refused(reading, "", req.Config.Schema, err, &resp.Diagnostics)
		return
	}
	var m M
	P(&m).fill(view)
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

// later is the answer while the provider block holds unknown values: a Terraform that can defer reads in a later round, another one
// is told what to apply first.
func later(req datasource.ReadRequest, resp *datasource.ReadResponse) {
	if req.ClientCapabilities.DeferralAllowed {
		resp.Deferred = &datasource.Deferred{Reason: datasource.DeferredReasonProviderConfigUnknown}
		return
	}
	addUnconfigured(&resp.Diagnostics)
}
