# Every security domain.
list "concord_security_domain" "all" {
  provider = concord
  limit    = 1000
}
