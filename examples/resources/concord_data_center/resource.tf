resource "concord_data_center" "ny" {
  cluster_id   = "NYDC"
  display_name = "New York"
  role         = "master"
}

output "sign_in_address" {
  value = concord_data_center.ny.runtime_url
}
