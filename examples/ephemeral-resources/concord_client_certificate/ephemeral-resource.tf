# An administrator's certificate for this run alone: it is in no plan and no state.
ephemeral "concord_client_certificate" "deploy" {
  profile         = "administrator"
  name            = "deploy"
  ttl             = "15m"
  revoke_on_close = true
}

# It goes where ephemeral values may go, such as a write-only attribute or another provider block.
provider "concord" {
  alias           = "deploy"
  endpoint        = "https://ny.example.com:7400"
  client_cert_pem = ephemeral.concord_client_certificate.deploy.certificate_pem
  client_key_pem  = ephemeral.concord_client_certificate.deploy.private_key_pem
}
