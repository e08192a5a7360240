package provider_test

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
)

// TestSessionsSource: Terraform reads who is signed in, chosen by user and state, and says what the server refuses.
func TestSessionsSource(t *testing.T) {
	s, block := start(t)
	for _, name := range []string{"ann", "bob"} {
		s.User(name)
		testkit.NewBrowser(t, s.DataCenter).SignIn(s.DataCenter, name)
	}
	const all, one, none = "data.concord_sessions.all", "data.concord_sessions.ann", "data.concord_sessions.unconfirmed"
	acceptance(t, resource.TestStep{
		Config: block + `
data "concord_sessions" "all" {}
data "concord_sessions" "ann" {
  user = "ANN"
}
data "concord_sessions" "unconfirmed" {
  degraded = true
}
`,
		Check: resource.ComposeAggregateTestCheckFunc(
			resource.TestCheckResourceAttr(all, "sessions.#", "2"),
			resource.TestCheckResourceAttr(one, "sessions.#", "1"),
			resource.TestCheckResourceAttr(one, "sessions.0.user", "ann"),
			resource.TestCheckResourceAttr(one, "sessions.0.rule", "signed_in"),
			resource.TestCheckResourceAttr(one, "sessions.0.chain.0", "NYDC"),
			resource.TestCheckNoResourceAttr(one, "sessions.0.origin_cluster_id"),
			resource.TestCheckResourceAttr(none, "sessions.#", "0"),
		),
	})
}
