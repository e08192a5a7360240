# Every setting.
list "concord_setting" "all" {
  provider = concord
  limit    = 1000
}
