package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/ephemeral"

	"github.com/concord-access/terraform-provider-concord/internal/client"
)

// opened does what every ephemeral resource does. Embed it.
type opened struct {
	kind
	client *client.Client // nil while the provider block holds unknown values
}

// Metadata names the type.
func (o *opened) Metadata(_ context.Context, req ephemeral.MetadataRequest, resp *ephemeral.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_" + o.name
}

// Configure takes the client over.
func (o *opened) Configure(_ context.Context, req ephemeral.ConfigureRequest, _ *ephemeral.ConfigureResponse) {
	if c, ok := req.ProviderData.(*connection); ok {
		o.client = c.client
	}
}
