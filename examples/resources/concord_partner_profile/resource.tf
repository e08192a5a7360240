resource "concord_partner_profile" "this" {
  agent_id         = "partners-of-nydc"
  allow_management = true # needed on both sides of a replication agreement

  passphrase_wo         = var.passphrase # for security modes simple and open alone: cert, the default, needs neither line
  passphrase_wo_version = 1              # raise it to send another passphrase
}

variable "passphrase" { # concord trust passphrase makes one
  type      = string
  sensitive = true
  ephemeral = true
}
