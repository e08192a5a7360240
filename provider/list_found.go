package provider

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// described is what a list needs to know of the kind.
func (b *base[M, V, P]) described() kind { return b.kind }

// found reads one object as the server lists it, and shows it in into, unless that is nil, as a read would.
func (b *base[M, V, P]) found(ctx context.Context, raw json.RawMessage, into *tfsdk.Resource) (found, error) {
	var view V
	if err := json.Unmarshal(raw, &view); err != nil {
		return found{}, fmt.Errorf("read %s: %w", b.noun, err)
	}
	var model M
	if into != nil {
		if err := blank(ctx, into, &model); err != nil {
			return found{}, fmt.Errorf("show %s: %w", b.noun, err)
		}
	}
	m := P(&model)
	m.fill(view)
	if into != nil {
		if diags := into.Set(ctx, &model); diags.HasError() {
			return found{}, fmt.Errorf("show %s: %s", b.noun, diags[0].Detail())
		}
	}
	return told(m, raw)
}

// blank fills a model with nulls that have their types: a struct's zero values have none where types are of the schema.
func blank(ctx context.Context, into *tfsdk.Resource, model any) error {
	whole, ok := into.Schema.Type().TerraformType(ctx).(tftypes.Object)
	if !ok {
		return fmt.Errorf("the schema is no object")
	}
	nulls := make(map[string]tftypes.Value, len(whole.AttributeTypes))
	for name, t := range whole.AttributeTypes {
		nulls[name] = tftypes.NewValue(t, nil)
	}
	into.Raw = tftypes.NewValue(whole, nulls)
	if diags := into.Get(ctx, model); diags.HasError() {
		return fmt.Errorf("%s", diags[0].Detail())
	}
	return nil
}

// told is what a list says of an object besides its attributes. People see the natural name, or what the model has as a better
// title.
func told[M any, V any, P object[M, V]](m P, raw json.RawMessage) (found, error) {
	var owned struct {
		Domain string `json:"security_domain"`
	}
	if err := json.Unmarshal(raw, &owned); err != nil {
		return found{}, fmt.Errorf("read the security domain: %w", err)
	}
	f := found{id: m.ident().ValueString(), name: m.key(), domain: owned.Domain}
	f.title = f.id
	if f.name != "" {
		f.title = f.name
	}
	if better, ok := any(m).(interface{ title() string }); ok {
		f.title = better.title()
	}
	return f, nil
}
