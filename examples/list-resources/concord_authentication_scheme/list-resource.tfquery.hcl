# Every authentication scheme.
list "concord_authentication_scheme" "all" {
  provider = concord
  limit    = 1000
}
