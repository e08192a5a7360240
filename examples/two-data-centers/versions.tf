terraform {
  required_version = ">= 1.11" # write-only attributes

  required_providers {
    concord = {
      source = "concord-access/concord"
    }
  }
}
