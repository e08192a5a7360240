# Who is locked out.
data "concord_users" "all" {}

output "disabled_users" {
  value = [for u in data.concord_users.all.users : u.name if !u.enabled]
}
