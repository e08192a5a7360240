resource "concord_data_center" "ny" {
  cluster_id   = "NYDC"
  display_name = "New York"
  role         = "master"

  deletion_protection = true # a destroy is refused until this is false and applied
}

output "sign_in_address" {
  value = concord_data_center.ny.runtime_url
}
