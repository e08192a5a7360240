# Every group whose name begins with team-.
list "concord_group" "all" {
  provider = concord
  limit    = 1000

  config {
    name_prefix = "team-"
  }
}
