# The default provider is NYDC, the master; the alias concord.ldc is LDC, the clone.

resource "concord_data_center" "ny" {
  cluster_id = "NYDC"
  role       = "master"
}

resource "concord_data_center" "ldc" {
  provider   = concord.ldc
  cluster_id = "LDC"
  role       = "clone"
}

# What each side lets the other connect as.
resource "concord_partner_profile" "ny" {
  agent_id         = "partners-of-nydc"
  allow_management = true
}

resource "concord_partner_profile" "ldc" {
  provider         = concord.ldc
  agent_id         = "partners-of-ldc"
  allow_management = true
}

# Each side trusts the other's roots and registers it.
data "concord_trust_bundle" "ny" {}

data "concord_trust_bundle" "ldc" {
  provider = concord.ldc
}

resource "concord_trusted_certificate" "ldc_at_ny" {
  name            = "ldc-root"
  certificate_pem = data.concord_trust_bundle.ldc.certificate_pem
  partner         = "LDC"
}

resource "concord_trusted_certificate" "ny_at_ldc" {
  provider        = concord.ldc
  name            = "nydc-root"
  certificate_pem = data.concord_trust_bundle.ny.certificate_pem
  partner         = "NYDC"
}

resource "concord_partner" "ldc_at_ny" {
  cluster_id = "LDC"
  agent_id   = concord_partner_profile.ldc.agent_id
  primary    = [trimprefix(concord_data_center.ldc.peer_url, "https://")]
}

resource "concord_partner" "ny_at_ldc" {
  provider   = concord.ldc
  cluster_id = "NYDC"
  agent_id   = concord_partner_profile.ny.agent_id
  primary    = [trimprefix(concord_data_center.ny.peer_url, "https://")]
}

resource "concord_replication_agreement" "ldc" {
  name   = "nydc-to-ldc"
  source = concord_data_center.ny.cluster_id
  target = concord_data_center.ldc.cluster_id

  wait_for_sync       = true # a write ends when LDC has it, too
  deletion_protection = true # a destroy is refused until this is false and applied

  timeouts = {
    create = "10m" # a large first copy over a slow line
  }

  depends_on = [
    concord_partner.ldc_at_ny, concord_partner.ny_at_ldc,
    concord_trusted_certificate.ldc_at_ny, concord_trusted_certificate.ny_at_ldc,
  ]
}
