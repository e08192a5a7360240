# Every trusted certificate.
list "concord_trusted_certificate" "all" {
  provider = concord
  limit    = 1000
}
