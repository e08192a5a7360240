package provider_test

import (
	"fmt"
	"net/http"
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// TestOverrideBesideItsObject: an object and an override of it in one configuration leave no plan behind, the data center
// uses the override, and a change at the object that makes it impossible shows.
func TestOverrideBesideItsObject(t *testing.T) {
	s, provider := start(t)
	policy := func(lifetime string) string {
		return block(`resource "concord_session_policy" "p"`, fmt.Sprintf("lifetime = %q", lifetime))
	}
	banner := block(`resource "concord_setting" "b"`, `name = "banner"`, `value = "everywhere"`)
	over := block(`resource "concord_override" "o"`, `kind = "session_policy"`, `name = concord_session_policy.p.id`, `values = jsonencode({ idle_timeout = "2h" })`) +
		block(`resource "concord_override" "b"`, `kind = "setting"`, `name = concord_setting.b.name`, `values = jsonencode({ value = "here" })`)
	acceptance(t,
		resource.TestStep{Config: provider + policy("12h") + banner + over, Check: resource.ComposeAggregateTestCheckFunc(
			resource.TestCheckResourceAttr("concord_override.o", "applied", "true"), resource.TestCheckResourceAttr("concord_override.o", "reason", ""),
			resource.TestCheckResourceAttr("concord_setting.b", "value", "everywhere"), func(*terraform.State) error { return s.shows("here") })},
		resource.TestStep{Config: provider + policy("1h") + banner + over, Check: func(*terraform.State) error { return s.shows("here") }},
		resource.TestStep{RefreshState: true, Check: resource.ComposeAggregateTestCheckFunc(
			resource.TestCheckResourceAttr("concord_override.o", "applied", "false"),
			resource.TestMatchResourceAttr("concord_override.o", "reason", regexp.MustCompile(`idle_timeout 2h is not below lifetime`)))},
		resource.TestStep{Config: provider + policy("12h") + banner, Check: func(*terraform.State) error { return s.shows("everywhere") }},
	)
}

// shows says whether the setting banner has this value in the data center.
func (s site) shows(want string) error {
	var v wire.SettingView
	if err := s.get("/v1/settings/banner", &v); err != nil || v.Value != want {
		return fmt.Errorf("the setting is %q, want %q (%v)", v.Value, want, err)
	}
	return nil
}

// TestOverrideRefused: what the server alone can know is told at the attribute.
func TestOverrideRefused(t *testing.T) {
	_, provider := start(t)
	acceptance(t,
		resource.TestStep{Config: provider + block(`resource "concord_override" "o"`, `kind = "setting"`, `name = "none"`, `values = jsonencode({ value = "x" })`),
			ExpectError: regexp.MustCompile(`(?s)name = "none".*there is no setting named`)},
		resource.TestStep{Config: provider + block(`resource "concord_override" "o"`, `kind = "session_policy"`, `name = "default"`, `values = jsonencode({ lifetime = "1m" })`),
			ExpectError: regexp.MustCompile(`(?s)values = jsonencode.*not\s+below\s+lifetime`)},
	)
}

// TestLockedObject: an apply waits for another administrator's lock and then goes through; the lock lasts as long as the
// data center's lock_timeout says (MSS-05).
func TestLockedObject(t *testing.T) {
	s, provider := start(t)
	config := func(description string) string {
		return provider + `resource "concord_data_center" "d" {
  cluster_id   = "NYDC"
  lock_timeout = "2s"
}
` + block(`resource "concord_group" "g"`, `name = "g"`, fmt.Sprintf("description = %q", description))
	}
	lock := func() {
		var l wire.LockView
		_, err := s.Admin().Do(t.Context(), client.Request{Method: http.MethodPut, Path: "/v1/locks/group/g", In: wire.LockRequest{Owner: "somebody"}, Out: &l})
		if err != nil || l.ExpiresAt.Sub(l.TakenAt).String() != "2s" {
			t.Errorf("lock %+v: %v", l, err)
		}
	}
	acceptance(t, resource.TestStep{Config: config("a")}, resource.TestStep{PreConfig: lock, Config: config("b"),
		Check: resource.TestCheckResourceAttr("concord_group.g", "description", "b")})
}
