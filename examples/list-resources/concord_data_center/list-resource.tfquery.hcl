# The data center, of which there is one.
list "concord_data_center" "this" {
  provider = concord
}
