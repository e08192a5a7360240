# Every administrator's token.
list "concord_admin_token" "all" {
  provider = concord
  limit    = 1000
}
