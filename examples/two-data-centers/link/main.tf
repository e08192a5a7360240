# Makes two data centers know each other: each trusts the other's roots, for this one partner only, and registers it.

terraform {
  required_providers {
    concord = {
      source                = "concord-access/concord"
      configuration_aliases = [concord.a, concord.b]
    }
  }
}

variable "a" {
  description = "One of the two: the data center behind the provider concord.a."
  type = object({
    cluster_id   = string
    agent_id     = string # of its partner profile
    peer_address = string # host:port of its peer listener
  })
}

variable "b" {
  description = "The other one, behind the provider concord.b."
  type = object({
    cluster_id   = string
    agent_id     = string
    peer_address = string
  })
}

variable "deletion_protection" {
  description = "Whether Terraform refuses to destroy the two registrations."
  type        = bool
  default     = true
}

data "concord_trust_bundle" "a" {
  provider = concord.a
}

data "concord_trust_bundle" "b" {
  provider = concord.b
}

resource "concord_trusted_certificate" "b_at_a" {
  provider        = concord.a
  name            = "roots-of-${lower(var.b.cluster_id)}"
  certificate_pem = data.concord_trust_bundle.b.certificate_pem
  partner         = var.b.cluster_id
}

resource "concord_trusted_certificate" "a_at_b" {
  provider        = concord.b
  name            = "roots-of-${lower(var.a.cluster_id)}"
  certificate_pem = data.concord_trust_bundle.a.certificate_pem
  partner         = var.a.cluster_id
}

resource "concord_partner" "b_at_a" {
  provider      = concord.a
  cluster_id    = var.b.cluster_id
  agent_id      = var.b.agent_id
  primary       = [var.b.peer_address]
  security_mode = "cert"

  deletion_protection = var.deletion_protection

  depends_on = [concord_trusted_certificate.b_at_a]
}

resource "concord_partner" "a_at_b" {
  provider      = concord.b
  cluster_id    = var.a.cluster_id
  agent_id      = var.a.agent_id
  primary       = [var.a.peer_address]
  security_mode = "cert"

  deletion_protection = var.deletion_protection

  depends_on = [concord_trusted_certificate.a_at_b]
}
