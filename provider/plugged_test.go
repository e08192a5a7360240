package provider_test

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// plugged is the provider with one resource, whose state a test writes by hand.
type plugged struct {
	*protocol
	name   string
	schema *tfprotov6.Schema
	typ    tftypes.Object
}

// plug configures the provider for a data center that does not run, so that a request never succeeds.
func plug(t *testing.T, name string) plugged {
	t.Helper()
	return plugTo(t, name, "https://127.0.0.1:9", "t")
}

// plugTo configures the provider for a data center at an address.
func plugTo(t *testing.T, name, endpoint, token string) plugged {
	t.Helper()
	p := plugged{protocol: speak(t, map[string]tftypes.Value{"endpoint": text(endpoint), "token": text(token), "max_retries": tftypes.NewValue(tftypes.Number, 0)}), name: name}
	p.schema = p.schemas.ResourceSchemas[name]
	p.typ, _ = p.schema.ValueType().(tftypes.Object)
	return p
}

func nothing(o tftypes.Object) map[string]tftypes.Value {
	out := map[string]tftypes.Value{}
	for name, of := range o.AttributeTypes {
		out[name] = tftypes.NewValue(of, nil)
	}
	return out
}

func (p plugged) wire(v tftypes.Value) *tfprotov6.DynamicValue {
	p.t.Helper()
	d, err := tfprotov6.NewDynamicValue(v.Type(), v)
	if err != nil {
		p.t.Fatal(err)
	}
	return &d
}

func (p plugged) unwire(d *tfprotov6.DynamicValue) tftypes.Value {
	p.t.Helper()
	v, err := d.Unmarshal(p.typ)
	if err != nil {
		p.t.Fatal(err)
	}
	return v
}

// value is an object with these attributes; what is not named is null.
func (p plugged) value(of map[string]any) tftypes.Value {
	p.t.Helper()
	all := nothing(p.typ)
	for name, v := range of {
		if list, ok := v.([]string); ok {
			items := []tftypes.Value{}
			for _, item := range list {
				items = append(items, tftypes.NewValue(tftypes.String, item))
			}
			v = items
		}
		all[name] = tftypes.NewValue(p.typ.AttributeTypes[name], v)
	}
	return tftypes.NewValue(p.typ, all)
}

// upgraded is a state as it comes out of a state file, which may lack attributes that are newer.
func (p plugged) upgraded(of map[string]any) tftypes.Value {
	p.t.Helper()
	b, err := json.Marshal(of)
	if err != nil {
		p.t.Fatal(err)
	}
	r, err := p.UpgradeResourceState(p.t.Context(), &tfprotov6.UpgradeResourceStateRequest{TypeName: p.name, Version: p.schema.Version, RawState: &tfprotov6.RawState{JSON: b}})
	if err != nil {
		p.t.Fatal(err)
	}
	return p.unwire(r.UpgradedState)
}

// plan plans config over a state, as Terraform does without asking the data center; nil destroys.
func (p plugged) plan(state tftypes.Value, config map[string]any) (planned tftypes.Value, errors string) {
	p.t.Helper()
	want, proposed := tftypes.NewValue(p.typ, nil), tftypes.NewValue(p.typ, nil)
	if config != nil {
		want = p.value(config)
		proposed = p.proposed(state, want)
	}
	r, err := p.PlanResourceChange(p.t.Context(), &tfprotov6.PlanResourceChangeRequest{TypeName: p.name, PriorState: p.wire(state), Config: p.wire(want), ProposedNewState: p.wire(proposed)})
	if err != nil {
		p.t.Fatal(err)
	}
	return p.unwire(r.PlannedState), said(r.Diagnostics)
}

// proposed is what is configured over what the state knows of computed attributes.
func (p plugged) proposed(state, config tftypes.Value) tftypes.Value {
	was, want := p.fields(state), p.fields(config)
	out := maps.Clone(want)
	for _, a := range p.schema.Block.Attributes {
		if _, known := was[a.Name]; known && a.Computed && want[a.Name].IsNull() {
			out[a.Name] = was[a.Name]
		}
	}
	return tftypes.NewValue(p.typ, out)
}

func (p plugged) fields(v tftypes.Value) map[string]tftypes.Value {
	p.t.Helper()
	var out map[string]tftypes.Value
	if err := v.As(&out); err != nil {
		p.t.Fatal(err)
	}
	return out
}

// apply carries a plan out.
func (p plugged) apply(state, planned tftypes.Value, config map[string]any) (after tftypes.Value, errors string) {
	p.t.Helper()
	want := tftypes.NewValue(p.typ, nil)
	if config != nil {
		want = p.value(config)
	}
	r, err := p.ApplyResourceChange(p.t.Context(), &tfprotov6.ApplyResourceChangeRequest{TypeName: p.name, PriorState: p.wire(state), PlannedState: p.wire(planned), Config: p.wire(want)})
	if err != nil {
		p.t.Fatal(err)
	}
	return p.unwire(r.NewState), said(r.Diagnostics)
}

// said is every error, in one line each.
func said(diags []*tfprotov6.Diagnostic) string {
	var lines []string
	for _, d := range diags {
		if d.Severity == tfprotov6.DiagnosticSeverityError {
			lines = append(lines, d.Summary+": "+d.Detail)
		}
	}
	return strings.Join(lines, "\n")
}
