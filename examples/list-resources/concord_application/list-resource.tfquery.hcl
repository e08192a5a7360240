# Every application.
list "concord_application" "all" {
  provider = concord
  limit    = 1000
}
