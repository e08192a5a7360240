package provider

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// Server gives the provider as Terraform speaks to it.
func Server(version string) func() tfprotov6.ProviderServer {
	return func() tfprotov6.ProviderServer {
		server := providerserver.NewProtocol6(New(version)())()
		if all, ok := server.(served); ok {
			return pointing{all}
		}
		return server
	}
}

// served is everything that the framework serves and this provider has.
type served interface {
	tfprotov6.ProviderServer
	tfprotov6.ListResourceServer
	tfprotov6.ActionServer
}

// pointing points where Terraform can show it. Of a place inside of a nested attribute Terraform shows the first line of the resource;
// of the attribute, or of one of its elements, it shows the line itself. So such places are cut, and the text says the rest.
type pointing struct{ served }

// ValidateResourceConfig points.
func (p pointing) ValidateResourceConfig(ctx context.Context, req *tfprotov6.ValidateResourceConfigRequest) (*tfprotov6.ValidateResourceConfigResponse, error) {
	resp, err := p.served.ValidateResourceConfig(ctx, req)
	if resp != nil {
		point(resp.Diagnostics)
	}
	return resp, err
}

// PlanResourceChange points.
func (p pointing) PlanResourceChange(ctx context.Context, req *tfprotov6.PlanResourceChangeRequest) (*tfprotov6.PlanResourceChangeResponse, error) {
	resp, err := p.served.PlanResourceChange(ctx, req)
	if resp != nil {
		point(resp.Diagnostics)
	}
	return resp, err
}

// ApplyResourceChange points.
func (p pointing) ApplyResourceChange(ctx context.Context, req *tfprotov6.ApplyResourceChangeRequest) (*tfprotov6.ApplyResourceChangeResponse, error) {
	resp, err := p.served.ApplyResourceChange(ctx, req)
	if resp != nil {
		point(resp.Diagnostics)
	}
	return resp, err
}

// ValidateDataResourceConfig points.
func (p pointing) ValidateDataResourceConfig(ctx context.Context, req *tfprotov6.ValidateDataResourceConfigRequest) (*tfprotov6.ValidateDataResourceConfigResponse, error) {
	resp, err := p.served.ValidateDataResourceConfig(ctx, req)
	if resp != nil {
		point(resp.Diagnostics)
	}
	return resp, err
}

// ReadDataSource points.
func (p pointing) ReadDataSource(ctx context.Context, req *tfprotov6.ReadDataSourceRequest) (*tfprotov6.ReadDataSourceResponse, error) {
	resp, err := p.served.ReadDataSource(ctx, req)
	if resp != nil {
		point(resp.Diagnostics)
	}
	return resp, err
}

func point(diags []*tfprotov6.Diagnostic) {
	for _, d := range diags {
		if d == nil || d.Attribute == nil {
			continue
		}
		all := d.Attribute.Steps()
		shown := min(len(all), 1)
		if len(all) > 1 {
			if _, field := all[1].(tftypes.AttributeName); !field { // an element of a map, a list or a set
				shown = 2
			}
		}
		if shown == len(all) {
			continue
		}
		if where := written(all); !strings.Contains(d.Detail, where) {
			d.Detail = where + ": " + d.Detail
		}
		d.Attribute = tftypes.NewAttributePathWithSteps(all[:shown])
	}
}

// written is a place as Terraform's language has it.
func written(steps []tftypes.AttributePathStep) string {
	var b strings.Builder
	for _, s := range steps {
		switch s := s.(type) {
		case tftypes.AttributeName:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(string(s))
		case tftypes.ElementKeyString:
			fmt.Fprintf(&b, "[%q]", string(s))
		case tftypes.ElementKeyInt:
			fmt.Fprintf(&b, "[%d]", int64(s))
		default: // an element of a set has no name
			return b.String()
		}
	}
	return b.String()
}
