package provider_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// TestImportByIdentity: an object imports by its id and by its identity alike, and what has not the shape of an id is refused with the
// shape that it must have.
func TestImportByIdentity(t *testing.T) {
	t.Parallel()
	s, _ := start(t)
	s.put("/v1/groups/staff", wire.Group{Name: "staff"})
	s.put("/v1/overrides/session_policy/default", map[string]any{"kind": "session_policy", "name": "default", "values": map[string]any{"sign_in_url": "https://login.example"}})
	p := s.speak(nil)
	for name, c := range map[string]struct {
		id       string
		identity map[string]string
	}{
		"concord_group":    {"staff", map[string]string{"id": "staff"}},
		"concord_override": {"session_policy/default", map[string]string{"kind": "session_policy", "name": "default"}},
	} {
		for way, req := range map[string]tfprotov6.ImportResourceStateRequest{"id": {ID: c.id}, "identity": {Identity: p.identity(name, c.identity)}} {
			r, diags := p.adopt(name, req)
			if len(diags) > 0 || len(r.Diagnostics) > 0 {
				t.Fatalf("%s by %s: %v %v", name, way, diags, r)
			}
			if got := p.parts(name, r.NewIdentity); !maps.Equal(got, c.identity) || textOf(t, p.attributes(name, r.NewState)["id"]) != c.id {
				t.Errorf("%s by %s: identity %v, state %v", name, way, got, p.attributes(name, r.NewState))
			}
		}
	}
	for _, wrong := range []string{"session_policy", "session_policy/", "/default"} {
		if _, diags := p.adopt("concord_override", tfprotov6.ImportResourceStateRequest{ID: wrong}); len(diags) != 1 || !strings.Contains(diags[0].Detail, `"KIND/NAME"`) {
			t.Errorf("%q: %v", wrong, diags)
		}
	}
}

// TestReadsStateWithoutIdentity: state that a Terraform wrote which knew of no identity reads as before: what is there gets its
// identity, and what is gone is gone, without an error.
func TestReadsStateWithoutIdentity(t *testing.T) {
	t.Parallel()
	s, _ := start(t)
	s.put("/v1/groups/there", wire.Group{Name: "there"})
	p := s.speak(nil)
	for _, there := range []bool{true, false} {
		id := map[bool]string{true: "there", false: "gone"}[there]
		state := objectOf(t, p.schemas.ResourceSchemas["concord_group"], map[string]tftypes.Value{"id": text(id), "name": text(id)})
		r := p.read("concord_group", state, nil, nil)
		if len(r.Diagnostics) > 0 || (p.attributes("concord_group", r.NewState) != nil) != there {
			t.Errorf("%s: %v, state %v", id, r.Diagnostics, p.attributes("concord_group", r.NewState))
		}
		if got := p.parts("concord_group", r.NewIdentity); got["id"] != id {
			t.Errorf("%s: identity %v", id, got)
		}
	}
}

// TestIdentityOfOldState: an override's identity of the first version, which had the id in one piece, is taken apart.
func TestIdentityOfOldState(t *testing.T) {
	t.Parallel()
	s, _ := start(t)
	p := s.speak(nil)
	r, err := p.UpgradeResourceIdentity(t.Context(), &tfprotov6.UpgradeResourceIdentityRequest{TypeName: "concord_override", Version: 0, RawIdentity: &tfprotov6.RawState{JSON: []byte(`{"id":"agent/web"}`)}})
	if err != nil || len(r.Diagnostics) > 0 {
		t.Fatal(r, err)
	}
	if got := p.parts("concord_override", r.UpgradedIdentity); !maps.Equal(got, map[string]string{"kind": "agent", "name": "web"}) {
		t.Errorf("identity %v", got)
	}
}
