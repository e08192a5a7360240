locals {
  data_centers = jsondecode(file(var.dev_json)).data_centers
  master       = local.data_centers[0]
  clone        = local.data_centers[1]
}

# One provider for each data center: each keeps its own trust and is asked for it directly.

provider "concord" {
  alias        = "master"
  endpoint     = local.master.admin_url
  token        = trimspace(file(local.master.token_file))
  ca_cert_file = local.master.ca_cert_file
}

provider "concord" {
  alias        = "clone"
  endpoint     = local.clone.admin_url
  token        = trimspace(file(local.clone.token_file))
  ca_cert_file = local.clone.ca_cert_file
}
