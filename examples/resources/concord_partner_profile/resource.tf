resource "concord_partner_profile" "this" {
  agent_id         = "partners-of-nydc"
  allow_management = true # needed on both sides of a replication agreement

  passphrase_wo         = var.passphrase # in security modes simple and open; kept in neither plan nor state
  passphrase_wo_version = 1              # raise it to send the passphrase again
}

variable "passphrase" { # concord trust passphrase makes one
  type      = string
  sensitive = true
  ephemeral = true
}
