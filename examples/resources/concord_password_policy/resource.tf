resource "concord_password_policy" "this" {
  min_length   = 12
  min_strength = 3
}
