resource "concord_partner" "ldc" {
  cluster_id    = "LDC"
  agent_id      = "partners-of-ldc"
  primary       = ["ldn1.example.com:7402"]
  security_mode = "cert"
}

data "concord_partner_trust" "ldc" {
  cluster_id = concord_partner.ldc.cluster_id
}

check "what_ldc_told_is_whole" {
  assert {
    condition     = !data.concord_partner_trust.ldc.damaged
    error_message = "What NYDC learned of LDC cannot be read: register LDC again."
  }
}
