# Every authorization policy.
list "concord_authorization_policy" "all" {
  provider = concord
  limit    = 1000
}
