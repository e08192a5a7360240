package provider_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// TestPlanBeforeSomebodysEdit: a saved plan is made, somebody changes what it changes, deletes and creates, and the apply of it stops at
// each of these and leaves what somebody wrote; what nobody touched is applied. A new plan shows the difference and goes through, also where a block
// is gone, whose object some versions of Terraform plan to destroy as it was before they read it (SEC-69).
func TestPlanBeforeSomebodysEdit(t *testing.T) {
	t.Parallel()
	s, provider := start(t)
	config := func(description, keep string) string {
		return provider + block(`resource "concord_group" "changed"`, `name = "changed"`, fmt.Sprintf("description = %q", description)) +
			block(`resource "concord_group" "untouched"`, `name = "untouched"`, fmt.Sprintf("description = %q", description)) +
			block(`resource "concord_session_policy" "changed"`, fmt.Sprintf("retrieval_max_attempts = %d", len(description))) +
			block(`resource "concord_group_collection" "changed"`, fmt.Sprintf("groups = { one = { description = %q }, two = {} }", description)) + keep
	}
	deleted := block(`resource "concord_setting" "deleted"`, `name = "deleted"`, `value = "a"`)
	created := block(`resource "concord_setting" "created"`, `name = "created"`, `value = "mine"`)
	tf := newByHand(t, config("a", deleted))
	tf.must("apply", "-auto-approve")
	tf.write("main.tf", required+config("abc", created))
	tf.must("plan", "-out=saved.tfplan")
	for path, change := range map[string]map[string]any{"groups/changed": {"description": "by hand"}, "groups/one": {"description": "by hand"},
		"session-policy": {"retrieval_max_attempts": 9}, "settings/deleted": {"value": "by hand"}} {
		s.patch("/v1/"+path, change)()
	}
	s.put("/v1/settings/created", map[string]any{"name": "created", "value": "theirs"})
	out, code := tf.run("apply", "saved.tfplan")
	stopped := len(regexp.MustCompile(words(`changed since the last plan`)).FindAllString(out, -1))
	if code != 1 || stopped != 4 || !regexp.MustCompile(words(`It exists already and is not in this Terraform state`)).MatchString(out) {
		t.Errorf("exit code %d, stopped %d times:\n%s", code, stopped, out)
	}
	for path, want := range map[string]string{"groups/changed": "by hand", "groups/one": "by hand", "groups/untouched": "abc", "settings/deleted": "by hand", "settings/created": "theirs"} {
		var v struct{ Description, Value string }
		if err := s.get("/v1/"+path, &v); err != nil || v.Description+v.Value != want {
			t.Errorf("%s: %+v (%v)", path, v, err)
		}
	}
	s.remove("/v1/settings/created")()
	if out := tf.must("apply", "-auto-approve"); !strings.Contains(out, "1 added, 3 changed, 1 destroyed") {
		t.Error(out)
	}
	tf.empty()
	var policy wire.SessionPolicyView
	if err := s.get("/v1/session-policy", &policy); err != nil || policy.RetrievalMaxAttempts == nil || *policy.RetrievalMaxAttempts != 3 {
		t.Errorf("session policy %+v (%v)", policy, err)
	}
	if err := s.get("/v1/settings/deleted", nil); !fault.Is(err, fault.NotFound) {
		t.Errorf("a setting is still there: %v", err)
	}
}
