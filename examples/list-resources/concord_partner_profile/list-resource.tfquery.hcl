# The partner profile, of which there is one.
list "concord_partner_profile" "this" {
  provider = concord
}
