# Where each directory is.
data "concord_identity_stores" "all" {}

output "directories" {
  value = { for s in data.concord_identity_stores.all.identity_stores : s.name => s.urls }
}
