# The schemes whose sign-in is worth more than the password form.
data "concord_authentication_schemes" "all" {}

output "strong_schemes" {
  value = [for s in data.concord_authentication_schemes.all.authentication_schemes : s.name if s.level > 1]
}
