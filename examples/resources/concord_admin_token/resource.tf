variable "prometheus_token" {
  type      = string
  ephemeral = true # at least 32 random characters, such as from: openssl rand -base64 32
}

resource "concord_admin_role" "metrics" {
  name = "metrics"

  permissions = [{
    actions = ["read"]
    kinds   = ["metrics"]
  }]
}

resource "concord_admin_token" "prometheus" {
  name       = "prometheus"
  roles      = [concord_admin_role.metrics.name]
  expires_at = "2035-01-01T00:00:00Z"

  token_wo         = var.prometheus_token
  token_wo_version = 1 # change it to send another token
}
