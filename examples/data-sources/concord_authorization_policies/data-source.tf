# No policy lets in everyone who is signed in.
data "concord_authorization_policies" "all" {}

check "no_policy_allows_everyone" {
  assert {
    condition = alltrue([for p in data.concord_authorization_policies.all.authorization_policies : alltrue([
      for r in p.rules : r.effect == "deny" || length(r.users) + length(r.groups) + length(r.networks) > 0 || r.condition != null
    ])])
    error_message = "A policy has a rule that allows every signed-in user."
  }
}
