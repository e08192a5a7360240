# One data center of a topology: its role, what it lets others connect as, whom it trusts and knows and, at the master, the
# agreements with all clones. The provider that the caller passes says which data center it is.

terraform {
  required_version = ">= 1.11"

  required_providers {
    concord = {
      source = "concord-access/concord"
    }
  }
}

locals {
  is_master = var.cluster_id == var.master
  agent_id  = "partners-of-${lower(var.cluster_id)}"
  partners  = { for id, p in var.topology : id => p if id != var.cluster_id }
}

resource "concord_data_center" "this" {
  cluster_id     = var.cluster_id
  display_name   = var.display_name
  role           = local.is_master ? "master" : "clone"
  security_mode  = "cert"
  availability   = var.availability
  write_requires = var.write_requires

  deletion_protection = var.deletion_protection
}

resource "concord_partner_profile" "this" {
  agent_id         = local.agent_id
  allow_management = true # agreements and tests of the way back need it
}

data "concord_trust_bundle" "this" {}

# Every other data center: believed by its own roots, for itself only, and then registered.

resource "concord_trusted_certificate" "of" {
  for_each        = local.partners
  name            = "roots-of-${lower(each.key)}"
  partner         = each.key
  certificate_pem = each.value.certificate_pem
}

resource "concord_partner" "to" {
  for_each      = local.partners
  cluster_id    = each.key
  agent_id      = each.value.agent_id
  primary       = [each.value.peer_address]
  rest_endpoint = each.value.admin_url
  security_mode = "cert"

  deletion_protection = var.deletion_protection

  depends_on = [concord_trusted_certificate.of]
}

# At the master only, and when both ends of each pair know each other: linked says so of the other end.

resource "concord_replication_agreement" "to" {
  for_each      = local.is_master ? local.partners : {}
  name          = "to-${lower(each.key)}"
  source        = concord_data_center.this.cluster_id
  target        = var.linked[each.key]
  wait_for_sync = var.wait_for_sync

  deletion_protection = var.deletion_protection

  depends_on = [concord_partner.to]

  lifecycle {
    ignore_changes = [name] # after a promotion an agreement keeps the name that it was made with
  }
}
