resource "concord_identity_store" "corp" {
  name        = "corp" # one name in every data center
  description = "Everybody in the company's directory"
  urls        = ["ldaps://ldap1.example.com", "ldaps://ldap2.example.com"] # asked in this order

  bind_dn                  = "cn=concord,ou=services,dc=example,dc=com"
  bind_password_wo         = var.directory_password
  bind_password_wo_version = 1 # raise it to send another password

  user_search_base = "ou=people,dc=example,dc=com"
  user_filter      = "(&(objectClass=inetOrgPerson)(|(uid={user})(mail={user})))"

  group_search_base = "ou=groups,dc=example,dc=com"
  nested_groups     = true

  display_name_attribute = "displayName"
  email_attribute        = "mail"
  attribute_mapping = {
    department = "departmentNumber"
  }
}

variable "directory_password" {
  type      = string
  sensitive = true
  ephemeral = true
}
