# How many users each security domain has.
data "concord_security_domains" "all" {}

data "concord_users" "of" {
  for_each        = toset(data.concord_security_domains.all.security_domains[*].name)
  security_domain = each.key
}

output "users_of_domain" {
  value = { for name, of in data.concord_users.of : name => length(of.users) }
}
