# One resource of every kind, with what the first form of its schema could say.

resource "concord_group" "x" {
  name        = "staff"
  description = "Everyone"
}
resource "concord_user" "x" {
  name                = "alice"
  display_name        = "Alice"
  email               = "alice@example.com"
  groups              = [concord_group.x.name]
  attributes          = { department = "it" }
  password_wo         = "correct horse"
  password_wo_version = 1
}
resource "concord_application" "x" {
  name      = "wiki"
  hosts     = ["wiki.example.com"]
  resources = { all = { paths = ["/**"], authorization_policy = concord_authorization_policy.x.name } }
}
resource "concord_authorization_policy" "x" {
  name  = "staff"
  rules = [{ effect = "allow", groups = [concord_group.x.name] }]
}
resource "concord_agent" "x" {
  name              = "web"
  hosts             = ["https://a.example.com"]
  cookie_lifetime   = "10m"
  secret_wo         = "0123456789abcdef"
  secret_wo_version = 1
}
resource "concord_setting" "x" {
  name  = "banner"
  value = "hello"
}
resource "concord_override" "x" {
  kind   = "setting"
  name   = concord_setting.x.name
  values = jsonencode({ value = "here" })
}
resource "concord_session_policy" "x" {
  lifetime     = "1h"
  idle_timeout = "20m"
}
resource "concord_package" "x" {
  name   = "licence"
  source = "licence.txt"
}
resource "concord_security_domain" "x" {
  name = "payroll"
}
resource "concord_authentication_scheme" "x" {
  name  = "strong"
  level = 2
  steps = [{ method = "password" }]
}
resource "concord_identity_store" "x" {
  name             = "corp"
  urls             = ["ldaps://a.example.com"]
  user_search_base = "dc=example"
}
resource "concord_password_policy" "x" {
  min_length = 9
}
resource "concord_admin_role" "x" {
  name        = "groups"
  permissions = [{ actions = ["read"], kinds = ["group"] }]
}
resource "concord_admin_token" "x" {
  name             = "ci"
  roles            = [concord_admin_role.x.name]
  token_wo         = "pT7yq-Lx0ZkV3nWb9RcJ2hGd5sMf8uEa"
  token_wo_version = 1
}
resource "concord_user_collection" "x" {
  users = { carl = { email = "carl@example.com" } }
}
resource "concord_group_collection" "x" {
  groups = { ops = {} }
}
resource "concord_application_collection" "x" {
  applications = { shop = { hosts = ["shop.example.com"], resources = { all = { paths = ["/**"] } } } }
}
