terraform {
  required_version = ">= 1.11"

  required_providers {
    concord = {
      source = "concord-access/concord"
    }
  }
}

variable "dev_json" {
  description = "Inventory of five data centers, as `concord dev` writes it. The first one becomes the master."
  type        = string
  default     = "dev.json"
}

# The one map: who there is. Roles, partners, trust and agreements follow from it.

locals {
  inventory = jsondecode(file(var.dev_json)).data_centers
  a         = local.inventory[0]
  b         = local.inventory[1]
  c         = local.inventory[2]
  d         = local.inventory[3]
  e         = local.inventory[4]

  master = local.a.cluster_id

  topology = {
    (local.a.cluster_id) = module.a.self
    (local.b.cluster_id) = module.b.self
    (local.c.cluster_id) = module.c.self
    (local.d.cluster_id) = module.d.self
    (local.e.cluster_id) = module.e.self
  }

  linked = {
    (local.a.cluster_id) = module.a.linked
    (local.b.cluster_id) = module.b.linked
    (local.c.cluster_id) = module.c.linked
    (local.d.cluster_id) = module.d.linked
    (local.e.cluster_id) = module.e.linked
  }
}

module "a" {
  source        = "../modules/data-center"
  providers     = { concord = concord.a }
  cluster_id    = local.a.cluster_id
  admin_url     = local.a.admin_url
  master        = local.master
  topology      = local.topology
  linked        = local.linked
  wait_for_sync = true
}

module "b" {
  source        = "../modules/data-center"
  providers     = { concord = concord.b }
  cluster_id    = local.b.cluster_id
  admin_url     = local.b.admin_url
  master        = local.master
  topology      = local.topology
  linked        = local.linked
  wait_for_sync = true
}

module "c" {
  source        = "../modules/data-center"
  providers     = { concord = concord.c }
  cluster_id    = local.c.cluster_id
  admin_url     = local.c.admin_url
  master        = local.master
  topology      = local.topology
  linked        = local.linked
  wait_for_sync = true
}

module "d" {
  source        = "../modules/data-center"
  providers     = { concord = concord.d }
  cluster_id    = local.d.cluster_id
  admin_url     = local.d.admin_url
  master        = local.master
  topology      = local.topology
  linked        = local.linked
  wait_for_sync = true
}

module "e" {
  source        = "../modules/data-center"
  providers     = { concord = concord.e }
  cluster_id    = local.e.cluster_id
  admin_url     = local.e.admin_url
  master        = local.master
  topology      = local.topology
  linked        = local.linked
  wait_for_sync = true
}

# Written at the master, replicated to the four others.

resource "concord_session_policy" "all" {
  provider           = concord.a
  retrieve_on_demand = true

  depends_on = [module.a.replicated]
}

resource "concord_group" "staff" {
  provider = concord.a
  name     = "staff"

  depends_on = [module.a.replicated]
}
