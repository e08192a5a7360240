# Every package; what their files are must be written by hand afterwards.
list "concord_package" "all" {
  provider = concord
  limit    = 1000
}
