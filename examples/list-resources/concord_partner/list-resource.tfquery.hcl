# Every remote data center that this one knows.
list "concord_partner" "all" {
  provider = concord
  limit    = 1000
}
