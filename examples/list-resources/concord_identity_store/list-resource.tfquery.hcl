# Every identity store.
list "concord_identity_store" "all" {
  provider = concord
  limit    = 1000
}
