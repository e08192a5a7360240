resource "concord_partner" "ldc" {
  cluster_id    = "LDC"
  agent_id      = "partners-of-ldc"
  primary       = ["ldn1.example.com:7402", "ldn2.example.com:7402"]
  secondary     = ["ldn-standby.example.com:7402"]
  rest_endpoint = "https://ldn.example.com:7400"

  deletion_protection = true # a destroy is refused until this is false and applied

  passphrase_wo         = var.passphrase # for security modes simple and open alone: cert, the default, needs neither line
  passphrase_wo_version = 1              # raise it to send another passphrase
}

variable "passphrase" { # concord trust passphrase makes one
  type      = string
  sensitive = true
  ephemeral = true
}
