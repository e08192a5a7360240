# What this data center lays over applications.
list "concord_override" "all" {
  provider = concord
  limit    = 1000

  config {
    name_prefix = "application/"
  }
}
