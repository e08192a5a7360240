resource "concord_security_domain" "finance" {
  name        = "finance"
  description = "Applications of the finance department"
}

# What names the domain belongs to it: administrators of the domain manage it, and other domains cannot use it.
resource "concord_group" "clerks" {
  name            = "clerks"
  security_domain = concord_security_domain.finance.name
}
