# terraform test: no data center runs, because the provider's resources are mocked. Functions are not.

mock_provider "concord" {}

run "partner" {
  assert {
    condition     = concord_partner.remote.cluster_id == "LDC" && concord_partner.remote.security_mode == "simple"
    error_message = "The partner is ${jsonencode(concord_partner.remote)}."
  }

  assert {
    condition     = local.partner.passphrase == "one that nobody guesses, with an ü"
    error_message = "The passphrase is not what the file says."
  }

  assert {
    condition     = local.partner.trusted_certificates == tolist(["/scratch/MDCArtifacts/oamclient-truststore.jks"]) && length(local.partner.unknown) == 0
    error_message = "Trust stores or unknown keys are not what the file says."
  }
}

run "session_policy" {
  assert {
    condition     = concord_session_policy.all.retrieval_max_wait == "80ms" && concord_session_policy.all.gito_cookie_domain == "example.com"
    error_message = "The session policy is ${jsonencode(concord_session_policy.all)}."
  }
}

run "notes" {
  assert {
    condition     = anytrue([for n in output.look_after : startswith(n, "trustStorePath:")])
    error_message = "Nobody is told that a Java key store is not read."
  }
}
