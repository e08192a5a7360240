resource "concord_data_center" "master" {
  provider      = concord.master
  cluster_id    = local.master.cluster_id
  role          = "master"
  security_mode = "cert"

  deletion_protection = var.deletion_protection
}

resource "concord_data_center" "clone" {
  provider      = concord.clone
  cluster_id    = local.clone.cluster_id
  role          = "clone"
  security_mode = "cert"

  deletion_protection = var.deletion_protection
}

# What each lets others connect as. Management is needed by whoever makes agreements with it.

resource "concord_partner_profile" "master" {
  provider         = concord.master
  agent_id         = "partners-of-${lower(local.master.cluster_id)}"
  allow_management = true
}

resource "concord_partner_profile" "clone" {
  provider         = concord.clone
  agent_id         = "partners-of-${lower(local.clone.cluster_id)}"
  allow_management = true
}

# Trust and registration, both ways. One block for each pair of data centers.

module "link" {
  source = "./link"

  providers = {
    concord.a = concord.master
    concord.b = concord.clone
  }

  deletion_protection = var.deletion_protection

  a = {
    cluster_id   = local.master.cluster_id
    agent_id     = concord_partner_profile.master.agent_id
    peer_address = trimprefix(local.master.peer_url, "https://")
  }

  b = {
    cluster_id   = local.clone.cluster_id
    agent_id     = concord_partner_profile.clone.agent_id
    peer_address = trimprefix(local.clone.peer_url, "https://")
  }
}

resource "concord_replication_agreement" "clone" {
  provider = concord.master
  name     = "to-${lower(local.clone.cluster_id)}"
  source   = local.master.cluster_id
  target   = local.clone.cluster_id

  deletion_protection = var.deletion_protection

  depends_on = [module.link, concord_data_center.master, concord_data_center.clone]
}
