# The password policy, of which there is one.
list "concord_password_policy" "this" {
  provider = concord
}
