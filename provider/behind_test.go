package provider_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// value makes a value of a type with the fields given, all others null.
func value(t *testing.T, of tftypes.Type, fields map[string]string, unknown ...string) *tfprotov6.DynamicValue {
	t.Helper()
	object, ok := of.(tftypes.Object)
	if !ok {
		t.Fatalf("%s is no object", of)
	}
	all := map[string]tftypes.Value{}
	for name, attribute := range object.AttributeTypes {
		all[name] = tftypes.NewValue(attribute, nil)
		if v, ok := fields[name]; ok {
			all[name] = tftypes.NewValue(attribute, v)
		}
	}
	for _, name := range unknown {
		all[name] = tftypes.NewValue(object.AttributeTypes[name], tftypes.UnknownValue)
	}
	v, err := tfprotov6.NewDynamicValue(of, tftypes.NewValue(of, all))
	if err != nil {
		t.Fatal(err)
	}
	return &v
}

// A write that a clone with wait_for_sync has not acknowledged succeeds with a warning that names the clone. The
// acceptance framework hides warnings, so the provider is spoken to as Terraform does.
func TestBehindIsAWarning(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	ny, ld := both[0], both[1]
	id := testkit.Link(ny, ld)[0]
	if _, err := ny.Do(client.Request{Method: "PATCH", Path: "/v1/replication/agreements/" + id, In: wire.AgreementChange{WaitForSync: new(true)}}); err != nil {
		t.Fatal(err)
	}
	server := site{ny, t}.speak(nil)
	group := server.schemas.ResourceSchemas["concord_group"].ValueType()
	apply := func(name string) []*tfprotov6.Diagnostic {
		t.Helper()
		null, err := tfprotov6.NewDynamicValue(group, tftypes.NewValue(group, nil))
		if err != nil {
			t.Fatal(err)
		}
		made, err := server.ApplyResourceChange(t.Context(), &tfprotov6.ApplyResourceChangeRequest{TypeName: "concord_group", PriorState: &null,
			PlannedState: value(t, group, map[string]string{"name": name}, "id"), Config: value(t, group, map[string]string{"name": name})})
		if err != nil {
			t.Fatal(err)
		}
		return made.Diagnostics
	}
	if d := apply("in-step"); len(d) > 0 {
		t.Errorf("with its clone: %+v", d[0])
	}
	ld.Stop()
	d := apply("alone")
	if len(d) != 1 || d[0].Severity != tfprotov6.DiagnosticSeverityWarning || !strings.Contains(d[0].Summary, "LDC") {
		t.Errorf("without its clone: %+v", d)
	}
	ny.Get("/v1/groups/alone", nil) // it is written all the same
}
