# Every administrators' role.
list "concord_admin_role" "all" {
  provider = concord
  limit    = 1000
}
