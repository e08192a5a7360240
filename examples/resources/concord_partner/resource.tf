resource "concord_partner" "ldc" {
  cluster_id    = "LDC"
  agent_id      = "partners-of-ldc"
  primary       = ["ldn1.example.com:7402", "ldn2.example.com:7402"]
  secondary     = ["ldn-standby.example.com:7402"]
  rest_endpoint = "https://ldn.example.com:7400"

  passphrase_wo         = var.passphrase # in security modes simple and open; kept in neither plan nor state
  passphrase_wo_version = 1              # raise it to send the passphrase again
}

variable "passphrase" { # concord trust passphrase makes one
  type      = string
  sensitive = true
  ephemeral = true
}
