# One provider for each data center: each keeps its own trust and is asked for it directly.

provider "concord" {
  alias        = "a"
  endpoint     = local.a.admin_url
  token        = trimspace(file(local.a.token_file))
  ca_cert_file = local.a.ca_cert_file
}

provider "concord" {
  alias        = "b"
  endpoint     = local.b.admin_url
  token        = trimspace(file(local.b.token_file))
  ca_cert_file = local.b.ca_cert_file
}

provider "concord" {
  alias        = "c"
  endpoint     = local.c.admin_url
  token        = trimspace(file(local.c.token_file))
  ca_cert_file = local.c.ca_cert_file
}

provider "concord" {
  alias        = "d"
  endpoint     = local.d.admin_url
  token        = trimspace(file(local.d.token_file))
  ca_cert_file = local.d.ca_cert_file
}

provider "concord" {
  alias        = "e"
  endpoint     = local.e.admin_url
  token        = trimspace(file(local.e.token_file))
  ca_cert_file = local.e.ca_cert_file
}
