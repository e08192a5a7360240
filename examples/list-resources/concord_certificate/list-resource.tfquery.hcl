# The certificates of administrators that are in force.
list "concord_certificate" "all" {
  provider = concord
  limit    = 1000

  config {
    profile = "administrator"
  }
}
