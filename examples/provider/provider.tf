terraform {
  required_version = ">= 1.11" # write-only attributes

  required_providers {
    concord = {
      source = "concord-access/concord"
    }
  }
}

# One data center: everything may also come from the environment, and then the block is empty
# (CONCORD_ENDPOINT, CONCORD_TOKEN, CONCORD_CACERT).
provider "concord" {
  endpoint     = "https://ny.example.com:7400"
  token        = var.nydc_token
  ca_cert_file = "nydc-ca.pem"
}

# Each further data center is one more alias.
provider "concord" {
  alias        = "ldc"
  endpoint     = "https://ldn.example.com:7400"
  token        = var.ldc_token
  ca_cert_file = "ldc-ca.pem"
}

variable "nydc_token" {
  type      = string
  sensitive = true
  ephemeral = true
}

variable "ldc_token" {
  type      = string
  sensitive = true
  ephemeral = true
}
