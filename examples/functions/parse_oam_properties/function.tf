terraform {
  required_providers {
    concord = { source = "concord-access/concord" } # the name between provider:: and the function
  }
}

locals {
  partner = provider::concord::parse_oam_properties(file("${path.module}/partnerInfo.properties"))
  policy  = provider::concord::parse_oam_properties(file("${path.module}/oamMDCProperty.properties"))
}

resource "concord_partner" "remote" {
  cluster_id            = local.partner.cluster_id
  agent_id              = local.partner.agent_id
  primary               = ["ldn.example.com:7402"] # Concord's peer listener: the file has Oracle's port
  security_mode         = local.partner.security_mode
  passphrase_wo         = local.partner.passphrase # write-only: it gets into neither plan nor state
  passphrase_wo_version = 1
}

resource "concord_session_policy" "all" { # what the file does not say is null, and null is the default
  anchored                 = local.policy.anchored
  retrieve_on_demand       = local.policy.retrieve_on_demand
  reauthenticate           = local.policy.reauthenticate
  retrieval_max_attempts   = local.policy.retrieval_max_attempts
  retrieval_max_wait       = local.policy.retrieval_max_wait
  continue_on_sync_failure = local.policy.continue_on_sync_failure
  gito_cookie_domain       = local.policy.gito_cookie_domain
}

output "look_after" { # what nothing corresponds to, and what to declare by hand
  value = concat(local.partner.notes, local.policy.notes)
}

check "every_key_is_known" {
  assert {
    condition     = length(concat(local.partner.unknown, local.policy.unknown)) == 0
    error_message = "Nothing is known of ${join(", ", concat(local.partner.unknown, local.policy.unknown))}."
  }
}
