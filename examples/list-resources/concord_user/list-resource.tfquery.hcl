# The users of one security domain, with all that is known of them, so that their configuration can be written.
list "concord_user" "all" {
  provider         = concord
  limit            = 1000
  include_resource = true

  config {
    security_domain = "finance"
  }
}
