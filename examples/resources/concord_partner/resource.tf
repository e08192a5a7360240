resource "concord_partner" "ldc" {
  cluster_id    = "LDC"
  agent_id      = "partners-of-ldc"
  primary       = ["ldn1.example.com:7402", "ldn2.example.com:7402"]
  secondary     = ["ldn-standby.example.com:7402"]
  security_mode = "cert"
  rest_endpoint = "https://ldn.example.com:7400"
}
