# Configuration is written at the master and replicated: one user, one application, one policy for all data centers.

resource "concord_session_policy" "all" {
  provider           = concord.master
  retrieve_on_demand = true
  idle_timeout       = "30m"
  lifetime           = "12h"

  depends_on = [concord_data_center.master]
}

resource "concord_group" "staff" {
  provider    = concord.master
  name        = "staff"
  description = "Everyone who works here"

  depends_on = [concord_data_center.master]
}

locals {
  people = {
    alice = "Alice Archer"
    bob   = "Bob Baker"
  }
}

resource "concord_user" "people" {
  for_each            = local.people
  provider            = concord.master
  name                = each.key
  display_name        = each.value
  email               = "${each.key}@example.com"
  groups              = [concord_group.staff.name]
  password_wo         = var.passwords[each.key]
  password_wo_version = var.secrets_version
}

resource "concord_authorization_policy" "staff" {
  provider = concord.master
  name     = "staff-only"
  rules    = [{ effect = "allow", groups = [concord_group.staff.name] }]
}

resource "concord_application" "wiki" {
  provider = concord.master
  name     = "wiki"
  hosts    = [for origin in values(var.origins) : trimprefix(origin, "https://")]

  resources = {
    pages  = { paths = ["/**"], authorization_policy = concord_authorization_policy.staff.name }
    health = { paths = ["/healthz"], protection = "excluded" }
  }
}

# One agent for each origin. Another data center is one more entry in origins and agent_secrets.

resource "concord_agent" "web" {
  for_each          = var.origins
  provider          = concord.master
  name              = "web-${lower(each.key)}"
  hosts             = [each.value]
  secret_wo         = var.agent_secrets[each.key]
  secret_wo_version = var.secrets_version

  lifecycle {
    precondition {
      condition     = contains(local.data_centers[*].cluster_id, each.key)
      error_message = "origins names ${each.key}, which is no data center of ${var.dev_json}: set origins for yours."
    }
  }

  depends_on = [concord_data_center.master]
}
